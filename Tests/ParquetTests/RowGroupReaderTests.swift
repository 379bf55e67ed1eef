import Columnar
import Parquet
import TestSupport
import Testing

/// Rows that are read range by range are those of the file, whoever reads which range and when.
@Suite struct RowGroupReaderTests {
    static let schema = Schema([
        Field("id", .long, isNullable: false), Field("price", .double), Field("symbol", .string),
        Field("flag", .boolean), Field("cost", .decimal(precision: 20, scale: 2)),
    ])
    static let rowCount = 2_000

    static let batch = RecordBatch(
        schema,
        rows: (0..<rowCount).map { row -> [Value] in
            let price: Value = row % 13 == 0 ? .null : .double(Double(row % 101) / 4)
            let symbol: Value = row % 7 == 0 ? .null : .string("S\(row % 37)")
            return [
                .long(Int64(row * row)), price, symbol, .boolean(row % 5 == 0),
                .decimal(unscaled: Int128(row), scale: 2),
            ]
        })

    /// One row group; no page ends where a range of 160 rows does.
    static func file(
        pageRowsMax: Int = 70, _ excluded: Set<ParquetEncoding> = [],
        compression: ParquetCompression = .zstd
    ) throws -> [UInt8] {
        var options = ParquetOptions()
        options.pageRowsMax = pageRowsMax
        options.excludedEncodings = excluded
        options.compression = compression
        return try ParquetWriter.encode(batch, options)
    }

    static let ranges = stride(from: 0, to: rowCount, by: 160).map { $0..<min($0 + 160, rowCount) }

    @Test(
        arguments: [
            ([], .zstd), ([.dictionary], .zstd),
            ([.dictionary, .deltaBinaryPacked], .uncompressed),
        ] as [(Set<ParquetEncoding>, ParquetCompression)])
    func threadsReadTheRowsOfTheirRanges(
        excluded: Set<ParquetEncoding>, compression: ParquetCompression
    ) throws {
        let expected = Self.batch.rows
        for pageRowsMax in [1, 70, 230, 1_100, Self.rowCount] {
            let bytes = try Self.file(
                pageRowsMax: pageRowsMax, excluded, compression: compression)
            let file = try ParquetFile(Buffer(copying: bytes))
            let reader = try RowGroupReader(file, rowGroup: 0, rows: 0..<Self.rowCount)
            let parts = try Workers(threads: 4).map(Self.ranges.count) {
                try reader.read(Self.ranges[$0])
            }
            #expect(parts.flatMap(\.rows) == expected)
        }
    }

    @Test func aByteOfTheFileIsReadOnceForAllRanges() throws {
        let bytes = try Self.file()
        let whole = CountedBytes(bytes)
        _ = try ParquetFile(whole).read()
        let source = CountedBytes(bytes)
        let reader = try RowGroupReader(
            ParquetFile(source), rowGroup: 0, rows: 0..<Self.rowCount)
        for range in Self.ranges { _ = try reader.read(range) }
        #expect(source.bytesRead <= whole.bytesRead)
    }

    @Test func rangesMayComeInAnyOrderAndAgain() throws {
        let expected = Self.batch.rows
        let file = try ParquetFile(Buffer(copying: try Self.file(pageRowsMax: 230)))
        var random = SeededGenerator(seed: 5)
        for wanted in [0..<Self.rowCount, 333..<1_444, 1_800..<Self.rowCount, 100..<100] {
            let reader = try RowGroupReader(file, rowGroup: 0, rows: wanted)
            for _ in 0..<20 {
                let start = Int.random(in: wanted.lowerBound...wanted.upperBound, using: &random)
                let end = Int.random(in: start...wanted.upperBound, using: &random)
                #expect(try reader.read(start..<end).rows == Array(expected[start..<end]))
            }
        }
    }

    /// Codes of every number of bits up to 17, cut into ranges that begin anywhere.
    @Test func dictionariesOfAnySizeAreLookedUpRightly() throws {
        let schema = Schema([Field("id", .long, isNullable: false)])
        var options = ParquetOptions()
        options.encodings = ["id": .dictionary]
        options.pageRowsMax = 1_021
        for bits in 0...17 {
            let distinct = 1 << bits - (bits > 2 ? 1 : 0)
            let rowCount = distinct + 2_000
            let values = (0..<rowCount).map { Int64($0 % distinct * 7_919 % distinct) - 5 }
            let column = Column(.long, values: Buffer(copying: values), count: rowCount)
            let bytes = try ParquetWriter.encode(
                RecordBatch(schema, [column], count: rowCount), options)
            let reader = try RowGroupReader(
                ParquetFile(Buffer(copying: bytes)), rowGroup: 0, rows: 0..<rowCount)
            var row = 0
            while row < rowCount {
                let range = row..<min(rowCount, row + 617 * (bits + 1))
                let column = try reader.read(range).columns[0]
                #expect((0..<range.count).map { column.int64s[$0] } == Array(values[range]))
                row = range.upperBound
            }
        }
    }

    @Test func damageIsTheSameErrorInWhateverOrderRangesAreRead() throws {
        let bytes = try Self.file(pageRowsMax: 230)
        var random = SeededGenerator(seed: 6)
        var failed = 0
        for _ in 0..<100 {
            var damaged = bytes
            let place = Int.random(in: 4..<bytes.count * 9 / 10, using: &random)
            damaged[place] ^= UInt8.random(in: 1...255, using: &random)
            guard let file = try? ParquetFile(Buffer(copying: damaged)) else { continue }
            let outcomes = try [Self.ranges, Self.ranges.reversed()].map { ranges in
                let reader = try RowGroupReader(file, rowGroup: 0, rows: 0..<Self.rowCount)
                return Dictionary(
                    uniqueKeysWithValues: ranges.map { range in
                        (range, Result { () throws(ParquetError) in try reader.read(range) })
                    })
            }
            for range in Self.ranges {
                switch (outcomes[0][range], outcomes[1][range]) {
                case (.success(let one), .success(let other)): #expect(one.rows == other.rows)
                case (.failure(let one), .failure(let other)):
                    #expect(one.description == other.description)
                    failed += 1
                default: Issue.record("byte \(place): rows \(range) are read in one order only")
                }
            }
        }
        #expect(failed > 100)
    }
}
