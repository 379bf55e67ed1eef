import Columnar
import Parquet
import Storage

extension TableDirectory {
    /// The rows of a data file of a Delta table, with the columns that the log says it has.
    ///
    /// A column that the file lacks is null, as after a column was added.
    func read(_ file: DeltaFile, of schema: Schema) throws(LakeError) -> RecordBatch {
        var pieces = try pieces(of: file, schema)
        return try pieces.rest()
    }

    /// The same rows piece by piece.
    func pieces(
        of file: DeltaFile, _ schema: Schema, where conditions: [String: ColumnRange] = [:]
    ) throws(LakeError) -> LakePieces {
        let path = try path(of: file.path)
        let parquet = try openParquet(path)
        return try LakePieces(parquet, at: path, where: conditions, schema: schema) {
            rows throws(LakeError) in try complete(rows, of: file, schema, path)
        }
    }

    /// Rows of a file with the columns of the table.
    private func complete(
        _ rows: RecordBatch, of file: DeltaFile, _ schema: Schema, _ path: Path
    ) throws(LakeError) -> RecordBatch {
        var columns: [Column] = []
        for field in schema.fields {
            if let column = rows.column(field.name) {
                guard let column = column.reread(as: field.type) else {
                    throw LakeError(
                        .damagedFile,
                        "the column '\(field.name)' is \(column.type.withArticle), in the table "
                            + field.type.withArticle, path: path.string)
                }
                columns.append(column)
            } else {
                columns.append(try partitionColumn(field, of: file, count: rows.count))
            }
        }
        return RecordBatch(schema, columns, count: rows.count)
    }

    private func partitionColumn(
        _ field: Field, of file: DeltaFile, count: Int
    ) throws(LakeError) -> Column {
        guard let text = file.partitionValue(field.name) else {
            return Column(repeating: .null, field.type, count: count)
        }
        guard let value = deltaPartitionValue(text, as: field.type) else {
            throw LakeError(
                .damagedLog,
                "'\(text)' is no \(field.type) for the partition column '\(field.name)'",
                path: try path(of: file.path).string)
        }
        return Column(repeating: value, field.type, count: count)
    }
}
