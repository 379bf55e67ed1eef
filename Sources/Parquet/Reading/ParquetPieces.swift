public import Columnar

/// Rows of a file, in order, in pieces that fit into memory.
///
/// The limit on what is decoded holds for each piece: rows that would take more are read in smaller
/// ones. What cannot be read is a single row that takes more, with the dictionary it needs.
public struct ParquetPieces: Sendable {
    private let file: ParquetFile
    private let selected: [Int]
    /// What is left to read; of the first, some may have been read.
    private var wanted: ArraySlice<RowRange>
    /// The reader of the first's row group.
    private var reader: RowGroupReader?
    private var rowsMax = Self.rowsMax

    /// Rows of a piece at most.
    private static let rowsMax = 1 << 17
    /// In a row group of more rows no piece is cut: whatever it announces is charged whole.
    private static let groupRowsMax = 1 << 27

    init(_ file: ParquetFile, _ wanted: [RowRange]) throws(ParquetError) {
        self.file = file
        self.wanted = wanted[...]
        selected = try file.chosen(nil)
    }

    /// The next piece; nil behind the last row.
    public mutating func next() throws(ParquetError) -> RecordBatch? {
        while let range = wanted.first {
            let all = range.rows
            let isCut = file.footer.rowGroupRowCounts[range.rowGroup] <= Self.groupRowsMax
            let piece = isCut ? all.lowerBound..<min(all.upperBound, all.lowerBound + rowsMax) : all
            do throws(ParquetError) {
                let rows = try opened(range).read(piece)
                advance(by: piece, in: range)
                return rows
            } catch {
                guard error.code == .tooLarge, isCut, piece.count > 1 else { throw error }
                reader = nil
                rowsMax = max(1, piece.count / 4)
            }
        }
        return nil
    }

    private mutating func opened(_ range: RowRange) throws(ParquetError) -> RowGroupReader {
        if let reader { return reader }
        let last = wanted.last { $0.rowGroup == range.rowGroup } ?? range
        let made = try RowGroupReader(
            file, range.rowGroup, rows: range.rows.lowerBound..<last.rows.upperBound, selected)
        reader = made
        return made
    }

    private mutating func advance(by piece: Range<Int>, in range: RowRange) {
        let rest = piece.upperBound..<range.rows.upperBound
        guard rest.isEmpty else {
            wanted[wanted.startIndex] = RowRange(rowGroup: range.rowGroup, rows: rest)
            return
        }
        wanted.removeFirst()
        if wanted.first?.rowGroup != range.rowGroup {
            reader = nil
            rowsMax = Self.rowsMax
        }
    }
}

extension ParquetFile {
    /// The rows that may be in all of the ranges, and with them others of their pages, in pieces.
    public func pieces(
        where conditions: [ColumnRange] = []
    ) throws(ParquetError) -> ParquetPieces {
        try ParquetPieces(self, try rowRanges(where: conditions))
    }

    /// The same rows in one batch.
    public func readPieces(where conditions: [ColumnRange] = []) throws(ParquetError) -> RecordBatch
    {
        var pieces = try pieces(where: conditions)
        var batches: [RecordBatch] = []
        while let piece = try pieces.next() { batches.append(piece) }
        return try joined(batches, schema)
    }
}
