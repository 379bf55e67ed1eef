import Columnar

/// The order of rows that a user asked for: `symbol, window_start DESC`.
struct RowOrder {
    private let keys: [(column: Int, isDescending: Bool)]

    /// Reads an order against the columns of a result.
    ///
    /// - Throws: a sentence about the part that names no column.
    init(_ text: String, schema: Schema) throws(UsageError) {
        var keys: [(column: Int, isDescending: Bool)] = []
        for part in text.split(separator: "," as Character, omittingEmptySubsequences: false) {
            let words = part.split(separator: " " as Character)
            let direction = words.count == 2 ? words[1].lowercased() : "asc"
            guard let name = words.first, words.count <= 2, ["asc", "desc"].contains(direction)
            else {
                throw UsageError(
                    "--order-by \(shown(text)): expected columns, each with ASC or DESC after it")
            }
            keys.append(
                (try columnIndex(of: String(name), in: schema), direction == "desc"))
        }
        self.keys = keys
    }

    /// The rows in this order; rows that are equal keep theirs.
    ///
    /// NULL comes first, NaN is the largest number, strings are compared by bytes, as in Spark.
    func sort(_ batch: RecordBatch) -> RecordBatch {
        let values = keys.map { key in
            (0..<batch.count).map { batch.columns[key.column].value(at: $0) }
        }
        let sorted = (0..<Int32(batch.count)).sorted { left, right in
            for (index, key) in keys.enumerated() {
                let column = values[index]
                switch compare(column[Int(left)], column[Int(right)]) {
                case 0: continue
                case let order: return key.isDescending ? order > 0 : order < 0
                }
            }
            return left < right
        }
        return batch.gather(sorted)
    }
}

/// The column of that name, or a mistake that says which there are.
func columnIndex(of name: String, in schema: Schema) throws(UsageError) -> Int {
    if let index = schema.index(of: name) { return index }
    let meant = nearestName(to: name, in: schema.names).map { "did you mean '\($0)'?" }
    throw UsageError(
        "there is no column '\(shown(name))'; "
            + (meant ?? "the columns are: \(schema.names.joined(separator: ", "))"))
}

/// Below, at or above zero as `left` comes before, with or after `right`; both of one type.
private func compare(_ left: Value, _ right: Value) -> Int {
    switch (left, right) {
    case (.null, .null): 0
    case (.null, _): -1
    case (_, .null): 1
    case (.boolean(let a), .boolean(let b)): (a ? 1 : 0) - (b ? 1 : 0)
    case (.int(let a), .int(let b)), (.date(let a), .date(let b)): order(a, b)
    case (.long(let a), .long(let b)), (.timestamp(let a), .timestamp(let b)): order(a, b)
    case (.decimal(let a, _), .decimal(let b, _)): order(a, b)
    case (.double(let a), .double(let b)):
        a.isNaN || b.isNaN ? (a.isNaN ? 1 : 0) - (b.isNaN ? 1 : 0) : order(a, b)
    case (.string(let a), .string(let b)):
        a.utf8.elementsEqual(b.utf8) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
    default: preconditionFailure("one column holds values of one type")
    }
}

private func order<T: Comparable>(_ left: T, _ right: T) -> Int {
    left == right ? 0 : left < right ? -1 : 1
}
