import Columnar
import Parquet
import TestSupport
import Testing

/// No file can make the reader trap, and no damage to what was written passes for data.
@Suite struct DamageTests {
    static let schema = Schema([
        Field("symbol", .string), Field("price", .double), Field("size", .long, isNullable: false),
        Field("flag", .boolean), Field("cost", .decimal(precision: 20, scale: 2)),
    ])

    static let batch = RecordBatch(
        schema,
        rows: (0..<24).map { row -> [Value] in
            let symbol: Value = row % 7 == 0 ? .null : .string(row % 2 == 0 ? "IBM" : "BAC")
            let cost: Value = row % 9 == 0 ? .null : .decimal(unscaled: Int128(row), scale: 2)
            return [
                symbol, .double(Double(row) / 4), .long(Int64(row * row)), .boolean(row % 5 == 0),
                cost,
            ]
        })

    static func options(_ compression: ParquetCompression) -> ParquetOptions {
        var options = ParquetOptions()
        options.compression = compression
        options.pageRowsMax = 16
        options.encodings = [
            "symbol": .dictionary, "price": .byteStreamSplit, "size": .deltaBinaryPacked,
            "flag": .rle,
        ]
        return options
    }

    @Test(arguments: [ParquetCompression.zstd, .uncompressed])
    func everyFlippedBitIsRefusedOrChangesNoValue(compression: ParquetCompression) throws {
        let bytes = try ParquetWriter.encode(Self.batch, Self.options(compression))
        let expected = Self.batch.rows
        var refused = 0
        var wrong: [Int] = []
        var damaged = bytes
        for bit in stride(from: 0, to: bytes.count * 8, by: TestSlice.step(5)) {
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            do {
                let read = try ParquetFile(Buffer(copying: damaged)).read()
                // What the footer says about names, types and nulls has no checksum: a flip there
                // may give another schema, but never other values under the same one.
                if read.schema == Self.schema && read.rows != expected { wrong.append(bit) }
            } catch {
                refused += 1
            }
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        #expect(wrong == [])
        #expect(refused > bytes.count * 4 / TestSlice.step(5))
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try ParquetWriter.encode(Self.batch, Self.options(.zstd))
        for length in 0..<bytes.count {
            #expect(throws: ParquetError.self) {
                try ParquetFile(Buffer(copying: Array(bytes[..<length]))).read()
            }
        }
    }

    @Test func randomDamageNeverTraps() throws {
        var random = SeededGenerator(seed: 3)
        for compression in [ParquetCompression.zstd, .uncompressed] {
            // Without checksums the damage reaches the decoders.
            var options = Self.options(compression)
            options.writesPageChecksums = false
            let bytes = try ParquetWriter.encode(Self.batch, options)
            for _ in 0..<1_500 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    // Half of the damage goes to the footer, which no checksum covers.
                    let start = Bool.random(using: &random) ? 0 : bytes.count / 2
                    let place = Int.random(in: start..<bytes.count, using: &random)
                    damaged[place] = UInt8.random(in: 0...255, using: &random)
                }
                let file = try? ParquetFile(Buffer(copying: damaged))
                _ = try? file?.read()
            }
        }
    }

    @Test func pageChecksumsAreLookedAt() throws {
        let bytes = try ParquetWriter.encode(Self.batch, Self.options(.uncompressed))
        // A symbol of the dictionary page: nothing but the checksum can tell.
        let pattern = Array("IBM".utf8)
        let place = try #require(
            (4..<bytes.count - 3).first { Array(bytes[$0..<$0 + 3]) == pattern })
        var damaged = bytes
        damaged[place] = UInt8(ascii: "J")
        let error = #expect(throws: ParquetError.self) {
            try ParquetFile(Buffer(copying: damaged)).read()
        }
        #expect(error?.code == .damaged)
        #expect(error?.column == "symbol")
        #expect(error?.message.contains("checksum") == true)
    }

    @Test func whatIsNotParquetIsSaidToBe() {
        for text in ["", "PAR1", "PAR1PAR1", "hello, world; this is no Parquet file at all"] {
            let error = #expect(throws: ParquetError.self) {
                try ParquetFile(Buffer(copying: Array(text.utf8)))
            }
            #expect(error?.code == .notParquet)
        }
        let huge = Array("PAR1".utf8) + [0xff, 0xff, 0xff, 0x7f] + Array("PAR1".utf8)
        let error = #expect(throws: ParquetError.self) { try ParquetFile(Buffer(copying: huge)) }
        #expect(error?.code == .damaged)
    }

    @Test func decodingHasALimit() throws {
        let rows = 100_000
        let column = Column(repeating: .long(5), .long, count: rows)
        let batch = RecordBatch(Schema([Field("x", .long)]), [column], count: rows)
        let bytes = try ParquetWriter.encode(batch)
        #expect(bytes.count < 2_000)
        let error = #expect(throws: ParquetError.self) {
            try ParquetFile(Buffer(copying: bytes), decodedBytesMax: 100_000).read()
        }
        #expect(error?.code == .tooLarge)
        #expect(try ParquetFile(Buffer(copying: bytes)).read().count == rows)
    }
}
