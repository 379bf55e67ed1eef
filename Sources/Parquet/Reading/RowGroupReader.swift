public import Columnar

/// Rows of one row group that are read range by range, by any threads.
///
/// What ranges have in common (dictionaries, pages that reach over the border between two) is read
/// and decoded once. Each range is best read once; when all have been, nothing is kept.
public final class RowGroupReader: Sendable {
    private let schema: Schema
    private let wanted: Range<Int>
    private let chunks: [SharedColumnChunk]
    private let decodedBytesMax: Int

    /// A reader of rows of a row group, of all columns or of those whose indices are given.
    ///
    /// `rows` are all rows that will be read, counted from the start of the row group.
    ///
    /// - Throws: as ``ParquetFile/read(rowGroup:rows:columns:)``.
    public convenience init(
        _ file: ParquetFile, rowGroup: Int, rows: Range<Int>, columns: [Int]? = nil
    ) throws(ParquetError) {
        let all = 0..<file.footer.rowGroupRowCounts[rowGroup]
        precondition(rows.clamped(to: all) == rows, "rows outside the row group")
        try self.init(file, rowGroup, rows: rows, file.chosen(columns))
    }

    init(
        _ file: ParquetFile, _ rowGroup: Int, rows: Range<Int>, _ selected: [Int]
    ) throws(ParquetError) {
        schema = Schema(selected.map { file.schema[$0] })
        wanted = rows
        decodedBytesMax = file.decodedBytesMax
        var chunks: [SharedColumnChunk] = []
        for column in selected {
            let leaf = file.footer.columns[column]
            do throws(ParquetError) {
                chunks.append(
                    try SharedColumnChunk(
                        file.source, file.footer, rowGroup: rowGroup, leaf, wanted: rows))
            } catch {
                throw error.inColumn(leaf.field.name)
            }
        }
        self.chunks = chunks
    }

    /// A range of the rows.
    ///
    /// - Throws: ``ParquetError``, the same whatever else is read at the time.
    public func read(_ rows: Range<Int>) throws(ParquetError) -> RecordBatch {
        try read(rows, ReadBudget(decodedBytesMax))
    }

    func read(_ rows: Range<Int>, _ budget: ReadBudget) throws(ParquetError) -> RecordBatch {
        precondition(rows.clamped(to: wanted) == rows, "rows that were not announced")
        var columns = [Column?](repeating: nil, count: chunks.count)
        var failure: (column: Int, error: ParquetError)?
        var left = Array(chunks.indices)
        while !left.isEmpty {
            // Columns that another thread is at come last.
            var busy: [Int] = []
            for (place, column) in left.enumerated() where column < failure?.column ?? .max {
                let waits = place == left.count - 1 && busy.count == place
                do throws(ParquetError) {
                    columns[column] = try chunks[column].read(rows, budget, waits: waits)
                    if columns[column] == nil { busy.append(column) }
                } catch {
                    failure = (column, error)
                }
            }
            left = busy
        }
        if let failure {
            throw failure.error.inColumn(chunks[failure.column].leaf.field.name)
        }
        return RecordBatch(schema, columns.compactMap(\.self), count: rows.count)
    }
}

extension SharedColumnChunk {
    /// Some rows as a column; nil when another thread is at the chunk and `waits` is false.
    fileprivate func read(
        _ rows: Range<Int>, _ budget: ReadBudget, waits: Bool
    ) throws(ParquetError) -> Column? {
        if leaf.meaning == .nulls {
            return Column(repeating: .null, leaf.field.type, count: rows.count)
        }
        guard let part = try begin(rows, budget, waits: waits) else { return nil }
        var reader = try ColumnChunkReader(self, part, rows: rows, budget)
        let column = try reader.read()
        budget.release(part.chargedBytes)
        end(rows)
        return column
    }
}
