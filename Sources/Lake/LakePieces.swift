public import Columnar
import Parquet
import Storage

/// Rows of one file of a table, in pieces that fit into memory, with its partition values as
/// columns.
public struct LakePieces {
    private var pieces: ParquetPieces
    private let path: Path
    private let schema: Schema
    private let complete: (RecordBatch) throws(LakeError) -> RecordBatch

    /// Pieces of a file; `complete` gives rows of it the columns of `schema`.
    init(
        _ file: ParquetFile, at path: Path, where conditions: [String: ColumnRange],
        schema: Schema, complete: @escaping (RecordBatch) throws(LakeError) -> RecordBatch
    ) throws(LakeError) {
        pieces = try onParquet(path) { () throws(ParquetError) in
            try file.pieces(where: conditions)
        }
        self.path = path
        self.schema = schema
        self.complete = complete
    }

    /// The next piece; nil behind the last row.
    public mutating func next() throws(LakeError) -> RecordBatch? {
        let rows: RecordBatch?
        do throws(ParquetError) { rows = try pieces.next() } catch {
            throw LakeError(error, path: path.string)
        }
        guard let rows else { return nil }
        return try complete(rows)
    }

    /// All that are left, as one batch.
    mutating func rest() throws(LakeError) -> RecordBatch {
        var batches: [RecordBatch] = []
        while let rows = try next() { batches.append(rows) }
        if batches.isEmpty { return RecordBatch(empty: schema) }
        return try batches.count == 1 ? batches[0] : concatenated(batches, schema, path)
    }
}
