import Columnar

/// The aggregates in a query's state, whose order and spelling a job may change while its rows stay:
/// each aggregate's columns are called by its number, `agg0.sum`.
public struct StateOrder: Sendable {
    /// What each aggregate is, in one spelling; those with one name have equal values.
    public let aggregates: [String]
    /// What earlier builds called all of them, where that is something else.
    let formerly: [[String]]
    /// The fingerprint of a state that differs in this order alone.
    public let fingerprint: @Sendable (_ aggregates: [String]) -> String

    static let keyPrefix = "streamer.state.aggregate."
    private static let columnPrefix = "agg"

    /// An order.
    ///
    /// - Parameters:
    ///   - aggregates: what each aggregate is.
    ///   - formerly: what earlier builds may have called all of them.
    ///   - fingerprint: what a state with another order of them would have.
    public init(
        _ aggregates: [String], formerly: [[String]] = [],
        fingerprint: @escaping @Sendable (_ aggregates: [String]) -> String
    ) {
        self.aggregates = aggregates
        self.formerly = formerly.filter { $0 != aggregates && $0.count == aggregates.count }
        self.fingerprint = fingerprint
    }

    /// What a file says of it: nothing where there is no other order.
    static func metadata(of aggregates: [String]) -> [ArrowMetadataEntry] {
        guard aggregates.count > 1 else { return [] }
        return aggregates.enumerated().map { ArrowMetadataEntry("\(Self.keyPrefix)\($0)", $1) }
    }

    /// Where a file with the same aggregates, in another order or under other names, has each column
    /// of a schema.
    ///
    /// - Parameters:
    ///   - metadata: that of the file.
    ///   - fingerprint: that of the file.
    ///   - columns: the file's columns.
    ///   - wanted: the schema.
    /// - Returns: the columns' places in the file; `nil` when the file is of another state.
    func places(
        in metadata: [String: String], fingerprint: String?, _ columns: Schema, of wanted: Schema
    ) -> [Int]? {
        let theirs = aggregates.indices.compactMap { metadata["\(Self.keyPrefix)\($0)"] }
        // A file that does not say what they are has them in this order.
        if theirs.isEmpty, columns == wanted,
            formerly.contains(where: { self.fingerprint($0) == fingerprint })
        {
            return Array(wanted.fields.indices)
        }
        guard theirs.count == aggregates.count, columns.fields.count == wanted.fields.count,
            self.fingerprint(theirs) == fingerprint,
            theirs.allSatisfy({ name in aggregates.indices.contains { isCalled(name, $0) } })
        else { return nil }
        let numbers = aggregates.indices.map { index in
            theirs.firstIndex { isCalled($0, index) }
        }
        var places: [Int] = []
        for field in wanted.fields {
            guard let name = Self.name(of: field, numbers), let place = columns.index(of: name),
                columns[place].type == field.type, columns[place].isNullable == field.isNullable
            else { return nil }
            places.append(place)
        }
        return places
    }

    /// Whether an aggregate has, or had, a name.
    private func isCalled(_ name: String, _ index: Int) -> Bool {
        aggregates[index] == name || formerly.contains { $0[index] == name }
    }

    /// What a column is called where aggregates have other numbers; `nil` for one that is not there.
    private static func name(of field: Field, _ numbers: [Int?]) -> String? {
        let parts = field.name.split(
            separator: "." as Character, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].hasPrefix(columnPrefix),
            let number = Int(parts[0].dropFirst(columnPrefix.count))
        else { return field.name }
        guard numbers.indices.contains(number), let other = numbers[number] else { return nil }
        return "\(columnPrefix)\(other).\(parts[1])"
    }
}
