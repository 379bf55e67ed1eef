public import Columnar
import Expressions

/// The order of rows that a user asked for: `symbol, window_start DESC`.
public struct RowOrder {
    private let keys: [(column: Int, isDescending: Bool)]

    /// Reads an order against the columns of a result.
    ///
    /// - Throws: a sentence about the part that names no column.
    public init(_ text: String, schema: Schema) throws(UsageError) {
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
    /// NULL is the smallest value, NaN the largest number, strings are compared by bytes, as in
    /// Spark.
    public func sort(_ batch: RecordBatch) -> RecordBatch {
        var rows = batch
        // From the last key to the first: each pass keeps the order of the passes before it.
        for key in keys.reversed() {
            let column = rows.columns[key.column]
            rows = rows.gather(
                key.isDescending
                    ? Self.descending(column) : sortIndices([column], count: rows.count))
        }
        return rows
    }

    /// The order from the largest to the smallest; equal rows keep their order, so the rows are
    /// sorted back to front and read backwards.
    private static func descending(_ column: Column) -> [Int32] {
        let backwards = (0..<Int32(column.count)).reversed().map(\.self)
        let sorted = sortIndices([column.gather(backwards)], count: column.count)
        return sorted.reversed().map { backwards[Int($0)] }
    }
}

/// The column of that name, or a mistake that says which there are.
public func columnIndex(of name: String, in schema: Schema) throws(UsageError) -> Int {
    if let index = schema.index(of: name) { return index }
    let meant = nearest(to: name, among: schema.names).map { "did you mean '\($0)'?" }
    throw UsageError(
        "there is no column '\(shown(name))'; "
            + (meant ?? "the columns are: \(listed(schema.names))"))
}
