import Columnar
import Parquet
import TestSupport
import Testing

@Suite struct WriterTests {
    static func batch(_ rows: Int, seed: UInt64) -> RecordBatch {
        var random = SeededGenerator(seed: seed)
        let schema = Schema([
            Field("symbol", .string), Field("ts", .timestamp), Field("price", .double),
        ])
        return RecordBatch(
            schema,
            rows: (0..<rows).map { row -> [Value] in
                let symbol = ["IBM", "BAC", "AAPL"][Int.random(in: 0..<3, using: &random)]
                let price = Double.random(in: 0..<1, using: &random)
                return [
                    .string(symbol), .timestamp(Int64(row) * 1_000),
                    row % 50 == 0 ? .null : .double(price),
                ]
            })
    }

    @Test func bytesDoNotDependOnBatchesOrDictionaries() throws {
        let whole = Self.batch(1_500, seed: 1)
        var options = ParquetOptions()
        options.rowGroupRowsMax = 700
        options.pageRowsMax = 130
        let expected = try ParquetWriter.encode(whole, options)
        for size in [7, 333, 700, 1_499] {
            var writer = ParquetWriter(whole.schema, options)
            var start = 0
            while start < whole.count {
                let end = min(whole.count, start + size)
                // Rebuilt from rows, its dictionary has another order than a slice's.
                let part = whole.slice(start..<end)
                try writer.append(
                    size == 333 ? RecordBatch(whole.schema, rows: part.rows) : part)
                start = end
            }
            #expect(try writer.finish() == expected)
        }
        let filtered = RecordBatch(whole.schema, rows: [[.string("zzz"), .timestamp(0), .null]])
        let joined = try RecordBatch.concatenate([filtered, whole], schema: whole.schema)
        #expect(try ParquetWriter.encode(joined.slice(1..<joined.count), options) == expected)
    }

    @Test func validityWithoutNullsChangesNoByte() throws {
        let batch = Self.batch(10, seed: 2)
        let marked = RecordBatch(
            batch.schema,
            batch.columns.map {
                $0.validity == nil
                    ? $0.withValidity(Bitmap(repeating: true, count: $0.count)) : $0
            }, count: batch.count)
        #expect(try ParquetWriter.encode(marked) == ParquetWriter.encode(batch))
    }

    @Test func wrongValuesAreRefused() throws {
        let strict = Schema([Field("x", .int, isNullable: false)])
        let null = #expect(throws: ParquetError.self) {
            try ParquetWriter.encode(RecordBatch(strict, rows: [[.null]]))
        }
        #expect(null?.code == .invalidArgument)
        #expect(null?.column == "x")
        for precision in [5, 12, 20] {
            let type = DataType.decimal(precision: precision, scale: 0)
            let limit = (0..<precision).reduce(Int128(1)) { value, _ in value * 10 }
            for value in [limit, -limit] {
                let batch = RecordBatch(
                    Schema([Field("d", type)]), rows: [[.decimal(unscaled: value, scale: 0)]])
                #expect(throws: ParquetError.self) { try ParquetWriter.encode(batch) }
            }
        }
        var options = ParquetOptions()
        options.encodings = ["x": .byteStreamSplit]
        let encoding = #expect(throws: ParquetError.self) {
            try ParquetWriter.encode(RecordBatch(strict, rows: [[.int(1)]]), options)
        }
        #expect(encoding?.message.contains("plain, dictionary, deltaBinaryPacked") == true)
    }

    @Test func metadataAndProjectionComeBack() throws {
        var options = ParquetOptions()
        options.keyValueMetadata = [(key: "a", value: "1"), (key: "é", value: "")]
        let batch = Self.batch(100, seed: 3)
        let file = try ParquetFile(Buffer(copying: try ParquetWriter.encode(batch, options)))
        #expect(file.footer.metadata("a") == "1")
        #expect(file.footer.metadata("é") == "")
        #expect(file.footer.metadata("b") == nil)
        #expect(file.footer.rowCount == 100)
        #expect(file.footer.createdBy == options.createdBy)
        let picked = try file.read(columns: [2, 0])
        #expect(picked.schema.names == ["price", "symbol"])
        #expect(picked.rows == batch.rows.map { [$0[2], $0[0]] })
        #expect(try file.read(columns: []).count == 100)
    }

    @Test func theSmallestEncodingIsChosen() throws {
        let rows = 6_000
        var random = SeededGenerator(seed: 4)
        func size(_ type: DataType, _ encoding: ParquetEncoding?, _ values: [Value]) throws -> Int {
            var options = ParquetOptions()
            if let encoding { options.encodings["x"] = encoding }
            let batch = RecordBatch(Schema([Field("x", type)]), rows: values.map { [$0] })
            return try ParquetWriter.encode(batch, options).count
        }
        let walks: [(DataType, [ParquetEncoding], [Value])] = [
            (
                .timestamp, [.plain, .dictionary, .deltaBinaryPacked],
                (0..<rows).map { .timestamp(Int64($0) * 997 + .random(in: 0..<50, using: &random)) }
            ),
            (
                .double, [.plain, .dictionary, .byteStreamSplit],
                (0..<rows).map { _ in .double(.random(in: 100..<101, using: &random)) }
            ),
            (
                .double, [.plain, .dictionary, .byteStreamSplit],
                (0..<rows).map { _ in
                    .double(Double(Int.random(in: -300..<300, using: &random)) / 7)
                }
            ),
            (
                .decimal(precision: 38, scale: 0), [.plain, .dictionary],
                (0..<rows).map { _ in
                    .decimal(
                        unscaled: Int128.random(in: -300..<300, using: &random) << 60, scale: 0)
                }
            ),
            (
                .string, [.plain, .dictionary, .deltaLengthByteArray],
                (0..<rows).map { _ in .string("S\(UInt32.random(in: 0..<900, using: &random))") }
            ),
        ]
        for (type, encodings, values) in walks {
            let chosen = try size(type, nil, values)
            let forced = try encodings.map { try size(type, $0, values) }
            #expect(chosen == forced.min())
        }
    }
}
