public import JSON

/// A position in every split of a source: the offset of the next row of each.
///
/// A split that is not listed is at its earliest row. Offsets are never negative.
public struct SourceOffsets: Hashable, Sendable {
    /// The offset of the next row, by split.
    public let bySplit: [SplitID: Int64]

    /// Positions by split; a negative offset is a bug of the caller.
    public init(_ bySplit: [SplitID: Int64]) {
        precondition(bySplit.values.allSatisfy { $0 >= 0 }, "offsets are counted from 0")
        self.bySplit = bySplit
    }

    /// The position in a source of one split.
    public init(only offset: Int64) { self.init([.only: offset]) }

    /// No split is listed: a source at its start, or one without any split.
    public static let none = SourceOffsets([:])

    /// The position in a split, `nil` when it is not listed.
    public subscript(split: SplitID) -> Int64? { bySplit[split] }

    /// The position in a source of one split, `nil` when there are others.
    public var only: Int64? { bySplit.count == 1 ? bySplit[.only] : nil }

    /// The splits that are listed, in their order.
    public var splits: [SplitID] { bySplit.keys.sorted() }
}

extension SourceOffsets {
    /// The positions of these splits, and those of others for the splits that these do not list.
    public func filled(from others: SourceOffsets) -> SourceOffsets {
        SourceOffsets(bySplit.merging(others.bySplit) { own, _ in own })
    }

    /// The earlier position in each split.
    ///
    /// A split that one of the two does not list is at its earliest, and then is not listed.
    public func limited(to limit: SourceOffsets) -> SourceOffsets {
        var limited: [SplitID: Int64] = [:]
        for (split, offset) in bySplit {
            if let other = limit[split] { limited[split] = min(offset, other) }
        }
        return SourceOffsets(limited)
    }

    /// Whether every split that a position lists is there or further on.
    public func hasReached(_ position: SourceOffsets) -> Bool {
        position.bySplit.allSatisfy { split, offset in (self[split] ?? 0) >= offset }
    }

    /// How many offsets there are from here to a position, over its splits, as far as a 64-bit
    /// number says.
    ///
    /// A split that is not listed here counts from 0; one that is further on here counts nothing.
    public func distance(to position: SourceOffsets) -> Int64 {
        position.bySplit.reduce(0) { sum, split in
            let (more, overflow) = sum.addingReportingOverflow(
                max(0, split.value - (self[split.key] ?? 0)))
            return overflow ? .max : more
        }
    }
}

extension SourceOffsets: CustomStringConvertible {
    /// The positions as one line of text, as `offsets/N` holds them.
    ///
    /// It is the number alone for a source of one split, `17`; otherwise Spark's JSON of topics and
    /// partitions, `{"ticks":{"0":17,"1":42}}`, groups by their bytes and numbers as numbers. The
    /// same positions have the same text.
    public var text: String { json.text() }

    /// The positions as JSON: a number for a source of one split, else numbers by group and split.
    public var json: JSONValue {
        if let only { return .integer(only) }
        var groups: [(String, JSONValue)] = []
        var members: [(String, JSONValue)] = []
        let splits = splits
        for (index, split) in splits.enumerated() {
            members.append((String(split.number), .integer(bySplit[split] ?? 0)))
            let next = index + 1 < splits.count ? splits[index + 1].group : nil
            if let next, next.utf8.elementsEqual(split.group.utf8) { continue }
            groups.append((split.group, .object(members)))
            members = []
        }
        return .object(groups)
    }

    /// The text.
    public var description: String { text }

    /// The positions that a text stands for.
    ///
    /// - Throws: ``ConnectorError`` (`badOffsets`) unless the text is one that ``text`` writes, byte
    ///   for byte.
    public init(parsing text: String) throws(ConnectorError) {
        guard let offsets = Self.read(text), offsets.text.utf8.elementsEqual(text.utf8) else {
            let shown = text.utf8.count > 80 ? String(text.prefix(80)) + "…" : text
            throw ConnectorError(
                "badOffsets",
                "'\(JSONValue.escaped(shown))' is not a position in a source: expected an offset "
                    + #"such as 17, or one for each split such as {"ticks":{"0":17,"1":42}}"#,
                fault: .damage)
        }
        self = offsets
    }

    private static func read(_ text: String) -> SourceOffsets? {
        if let offset = Int64(text) { return offset >= 0 ? SourceOffsets(only: offset) : nil }
        guard let groups = try? JSONValue.parse(text).members else { return nil }
        var bySplit: [SplitID: Int64] = [:]
        for group in groups {
            guard let splits = group.value.members, !splits.isEmpty else { return nil }
            for split in splits {
                guard let number = Int(split.key), number >= 0,
                    let offset = split.value.int64Value, offset >= 0
                else { return nil }
                bySplit[SplitID(group.key, number)] = offset
            }
        }
        return SourceOffsets(bySplit)
    }
}
