/// Columns of equal length under a schema.
///
/// Immutable; slicing and projecting share the memory.
public struct RecordBatch: Sendable {
    /// The names and types of the columns.
    public let schema: Schema
    /// One column a field.
    public let columns: [Column]
    /// The number of rows of every column.
    public let count: Int

    /// A batch of columns that match the schema in number and type and have `count` rows.
    public init(_ schema: Schema, _ columns: [Column], count: Int) {
        precondition(schema.count == columns.count, "one column a field")
        for (field, column) in zip(schema.fields, columns) {
            precondition(
                field.type == column.type, "column \(field.name) has the type \(column.type)")
            precondition(column.count == count, "column \(field.name) has another length")
        }
        self.schema = schema
        self.columns = columns
        self.count = count
    }

    /// A batch without rows.
    public init(empty schema: Schema) {
        self.init(schema, schema.fields.map { Column($0.type, []) }, count: 0)
    }

    /// A batch from rows of values, for tests and cold code.
    public init(_ schema: Schema, rows: [[Value]]) {
        var builders = schema.fields.map { ColumnBuilder($0.type, capacity: rows.count) }
        for row in rows {
            precondition(row.count == builders.count, "a row has one value a field")
            for (index, value) in row.enumerated() { builders[index].append(value) }
        }
        self.init(schema, builders.map { $0.finish() }, count: rows.count)
    }

    /// The column of that name, or `nil`.
    public func column(_ name: String) -> Column? {
        schema.index(of: name).map { columns[$0] }
    }

    /// The rows `range`.
    public func slice(_ range: Range<Int>) -> RecordBatch {
        RecordBatch(schema, columns.map { $0.slice(range) }, count: range.count)
    }

    /// The rows at `indices`, in that order.
    public func gather(_ indices: [Int32]) -> RecordBatch {
        RecordBatch(schema, columns.map { $0.gather(indices) }, count: indices.count)
    }

    /// The rows whose bit is set, in order.
    public func filter(_ selection: Bitmap) -> RecordBatch { gather(selection.setBitIndices()) }

    /// Batches of one schema end to end.
    ///
    /// - Throws: when distinct strings of a column take more than `stringBytesMax`.
    public static func concatenate(
        _ batches: [RecordBatch], schema: Schema,
        stringBytesMax: Int = StringDictionary.byteCountMax
    ) throws(StringsTooLarge) -> RecordBatch {
        let columns = try schema.fields.indices.map { (index) throws(StringsTooLarge) in
            do throws(StringsTooLarge) {
                return try Column.concatenate(
                    batches.map { $0.columns[index] }, type: schema[index].type,
                    stringBytesMax: stringBytesMax)
            } catch {
                throw StringsTooLarge(column: schema[index].name)
            }
        }
        return RecordBatch(schema, columns, count: batches.reduce(0) { $0 + $1.count })
    }

    /// The values of one row, in column order.
    public func row(_ index: Int) -> [Value] { columns.map { $0.value(at: index) } }

    /// All rows, for tests and printing.
    public var rows: [[Value]] { (0..<count).map { row($0) } }
}
