import Settings

/// What the columns found in records, and what of the files no column reads: so that neither a
/// column of nulls nor a field left aside passes in silence.
public struct FieldUse: Sendable, Equatable {
    /// Records that were looked at, or the rows that their arrays came to.
    public private(set) var records: Int64 = 0
    /// The arrays whose elements are rows.
    private var exploded: Exploded?
    /// For each column, whether some record had what it is made of.
    private var isFound: [Bool]
    /// For each column, in how many records the way to its value ended at an array.
    private var arrays: [Int64]
    /// Fields that no column reads, in the order in which they were met.
    private var unread: [String] = []
    private var unreadKnown: Set<String> = []
    /// A file that has the first of them.
    private var unreadFile = ""

    /// What came of an array in each record whose elements are rows.
    struct Exploded: Sendable, Equatable {
        /// The path of the array.
        let path: String
        /// Whether a record without elements is a row, too.
        let keepsEmpty: Bool
        /// Records that were looked at.
        var records: Int64 = 0
        /// Those without an element.
        var empty: Int64 = 0
    }

    /// How many records were read that gave no row, since their array has no element.
    public var emptyRecords: Int64 {
        guard let exploded, !exploded.keepsEmpty else { return 0 }
        return exploded.empty
    }

    /// The most names that a notice lists.
    private static let namesMax = 5
    /// Names beyond these are not kept.
    private static let unreadMax = 1_000

    /// Nothing looked at yet.
    public init(columnCount: Int) {
        isFound = Array(repeating: false, count: columnCount)
        arrays = Array(repeating: 0, count: columnCount)
    }

    /// Records in which columns were looked for by a path.
    init(records: Int64, isFound: [Bool], arrays: [Int64], exploded: Exploded? = nil) {
        self.records = records
        self.exploded = exploded
        self.isFound = isFound
        self.arrays = arrays
    }

    /// Notes fields of a file that no column reads.
    mutating func noteUnread(_ names: [String], of file: String) {
        for name in names where unread.count < Self.unreadMax {
            guard unreadKnown.insert(name).inserted else { continue }
            if unread.isEmpty { unreadFile = file }
            unread.append(name)
        }
    }

    /// Takes what another reader of the same columns found.
    public mutating func merge(_ other: FieldUse) {
        records += other.records
        if var mine = exploded ?? other.exploded, let theirs = other.exploded {
            let before = exploded
            mine.records = (before?.records ?? 0) + theirs.records
            mine.empty = (before?.empty ?? 0) + theirs.empty
            exploded = mine
        }
        for index in isFound.indices {
            isFound[index] = isFound[index] || other.isFound[index]
            arrays[index] += other.arrays[index]
        }
        noteUnread(other.unread, of: other.unreadFile)
    }

    /// What a user should know of it, one line each.
    public func notices(of columns: [FeedColumn]) -> [String] {
        var lines = exploded.flatMap(Self.notice).map { [$0] } ?? []
        let unit = exploded == nil ? "records" : "rows"
        for (index, column) in columns.enumerated() {
            let paths = column.origin.fieldNames
            guard !paths.isEmpty, records > 0 else { continue }
            let path = paths.map(\.escapedForMessage).joined(separator: "' and '")
            let name = column.name.escapedForMessage
            if arrays[index] > 0 {
                lines.append(
                    "in \(arrays[index]) of \(records) \(unit) the path '\(path)' of the column "
                        + "'\(name)' goes through an array, and the value is null there; name an "
                        + "element by its index from 0, such as key[0]")
            } else if !isFound[index] {
                lines.append(
                    "none of \(records) \(unit) has the path '\(path)', so the column '\(name)' is "
                        + "null in all of them; check the path")
            }
        }
        if !unread.isEmpty {
            let shown = unread.prefix(Self.namesMax).map { "'\($0.escapedForMessage)'" }
            let more = unread.count - shown.count
            lines.append(
                "no column reads \(unread.count == 1 ? "the field" : "the fields") "
                    + shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
                    + " (first met in \(unreadFile))")
        }
        return lines
    }

    /// What became of records without elements.
    private static func notice(_ exploded: Exploded) -> String? {
        guard exploded.empty > 0 else { return nil }
        let path = exploded.path.escapedForMessage
        let rows = exploded.keepsEmpty ? "a row each whose element is null" : "no row"
        return exploded.empty == exploded.records
            ? "none of \(exploded.records) records has an element in the array '\(path)', and they "
                + "give \(rows); check the path"
            : "\(exploded.empty) of \(exploded.records) records have no element in the array "
                + "'\(path)', and give \(rows)"
    }
}
