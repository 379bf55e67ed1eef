import Columnar
import Parquet
import Testing

/// What does not fit into memory at once is read in pieces.
@Suite struct PiecesTests {
    static let schema = Schema([Field("id", .long), Field("key", .string)])

    static func batch(_ count: Int) -> RecordBatch {
        RecordBatch(
            schema,
            rows: (0..<count).map { row -> [Value] in
                [.long(Int64(row)), row % 7 == 0 ? .null : .string("key\(row)")]
            })
    }

    private func read(_ file: ParquetFile, where ranges: [ColumnRange] = []) throws -> [RecordBatch]
    {
        var pieces = try file.pieces(where: ranges)
        var found: [RecordBatch] = []
        while let piece = try pieces.next() { found.append(piece) }
        return found
    }

    @Test(arguments: [1 << 30, 400_000, 120_000])
    func piecesAreTheRowsWhateverTheLimit(limit: Int) throws {
        var options = ParquetOptions()
        options.pageRowsMax = 1_000
        options.rowGroupRowsMax = 12_000
        let rows = Self.batch(20_000)
        let bytes = try ParquetWriter.encode(rows, options)
        let file = try ParquetFile(Buffer(copying: bytes), decodedBytesMax: limit)
        let pieces = try read(file)
        #expect(pieces.flatMap(\.rows) == rows.rows)
        #expect(try file.readPieces().rows == rows.rows)
        if limit < 1 << 20 {
            #expect(pieces.count > 2)
            #expect(throws: ParquetError.self) { try file.read() }
        }
        let range = ColumnRange(column: 0, from: .long(15_500), through: .long(16_100))
        let some = try read(file, where: [range]).flatMap(\.rows)
        #expect(some.contains(rows.row(15_500)) && some.contains(rows.row(16_100)))
        #expect(some.count < 3_000)
    }

    @Test func aRowThatNeverFitsIsAnError() throws {
        let bytes = try ParquetWriter.encode(Self.batch(100), ParquetOptions())
        let file = try ParquetFile(Buffer(copying: bytes), decodedBytesMax: 10)
        let error = #expect(throws: ParquetError.self) { try read(file) }
        #expect(error?.code == .tooLarge)
    }

    @Test func aFileWithoutRowsHasNoPiece() throws {
        let bytes = try ParquetWriter.encode(Self.batch(0), ParquetOptions())
        let file = try ParquetFile(Buffer(copying: bytes))
        #expect(try read(file).isEmpty)
        #expect(try file.readPieces().count == 0)
    }
}
