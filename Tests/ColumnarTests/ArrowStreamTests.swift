import Columnar
import TestSupport
import Testing

@Suite struct ArrowStreamTests {
    static let compressions: [ArrowCompression] = [
        .none, .zstd(level: 3), .zstd(level: 1, from: 2_000),
    ]

    /// A batch with a column for each sample of values, repeated to `count` rows.
    static func batch(count: Int) -> RecordBatch {
        let samples = ColumnTests.samples
        let schema = Schema(
            samples.enumerated().map {
                Field("column \($0.offset) of \($0.element.0)", $0.element.0)
            }
        )
        let columns = samples.map { type, values in
            Column(type, (0..<count).map { values[$0 % values.count] })
        }
        return RecordBatch(schema, columns, count: count)
    }

    static func read(
        _ bytes: [UInt8], limits: ArrowReadLimits = ArrowReadLimits()
    ) throws(ArrowError) -> [RecordBatch] {
        var reader = try ArrowStreamReader(Buffer(copying: bytes), limits: limits)
        return try reader.readAll()
    }

    @Test(arguments: compressions, [0, 1, 7, 64, 1_000])
    func batchesComeBack(compression: ArrowCompression, count: Int) throws {
        let batch = Self.batch(count: count)
        let writer = ArrowStreamWriter(batch.schema, compression: compression)
        // Slices start inside of bitmaps and dictionaries.
        let batches = [batch, batch.slice(0..<0), batch.slice(count / 3..<count)]
        let read = try Self.read(writer.encodeStream(batches))
        #expect(read.map(\.rows) == batches.map(\.rows))
        #expect(read.allSatisfy { $0.schema == batch.schema })
    }

    /// A thousand longs of few values are 8,000 bytes, and two are 16.
    @Test func smallBuffersAreNotCompressed() {
        let schema = Schema([Field("n", .long)])
        func bytes(_ rows: Int, _ compression: ArrowCompression) -> [UInt8] {
            let column = Column(.long, (0..<rows).map { .long(Int64($0 % 2)) })
            return ArrowStreamWriter(schema, compression: compression).encodeStream(
                [RecordBatch(schema, [column], count: rows)])
        }
        #expect(bytes(2, .zstd(level: 1, from: 2_000)) == bytes(2, .none))
        #expect(bytes(1_000, .zstd(level: 1, from: 2_000)) == bytes(1_000, .zstd(level: 1)))
        #expect(bytes(1_000, .zstd(level: 1, from: 2_000)).count < 2_000)
        #expect(bytes(1_000, .zstd(level: 1, from: 9_000)) == bytes(1_000, .none))
    }

    @Test func metadataComesBackWhereItIsSaid() throws {
        let batch = Self.batch(count: 10)
        let writer = ArrowStreamWriter(batch.schema)
        let entries = [
            ArrowMetadataEntry("key", "value"), ArrowMetadataEntry("", ""),
            ArrowMetadataEntry("caf\u{e9}", "\u{1F600}\n"), ArrowMetadataEntry("key", "again"),
        ]
        let head = writer.encodeSchema(metadata: entries)
        let rows = writer.encode(batch, metadata: entries)
        for encoded in [head, rows] {
            #expect(encoded.bytes.count % 64 == 0)
            let values = encoded.metadataValueRanges.map {
                String(decoding: encoded.bytes[$0], as: UTF8.self)
            }
            #expect(values == entries.map(\.value))
        }
        var reader = try ArrowStreamReader(Buffer(copying: head.bytes + rows.bytes))
        #expect(reader.metadata == entries)
        _ = try reader.next()
        #expect(reader.batchMetadata == entries)
    }

    @Test func uncompressedBuffersAreNotCopied() throws {
        let source = Buffer(
            copying: ArrowStreamWriter(Self.batch(count: 100).schema)
                .encodeStream([Self.batch(count: 100)]))
        var reader = try ArrowStreamReader(source)
        let batch = try #require(try reader.next())
        let memory = unsafe source.unsafeBytes.baseAddress.map { UInt(bitPattern: $0) } ?? 0
        for column in batch.columns where column.type != .boolean {
            if case .decimal(let precision, _) = column.type, precision <= 18 { continue }
            let values = unsafe column.values.unsafeBytes
            let start = unsafe values.baseAddress.map { UInt(bitPattern: $0) } ?? 0
            let isInside = start >= memory && start < memory + UInt(source.count)
            #expect(isInside, "\(column.type) was copied")
        }
    }

    @Test func onlyStringsThatOccurAreWritten() throws {
        let schema = Schema([Field("s", .string)])
        let all = RecordBatch(schema, rows: (0..<1_000).map { [.string("entry \($0)")] })
        let part = ArrowStreamWriter(schema).encode(all.slice(500..<502))
        #expect(part.bytes.count < 2_000)
        let read = try Self.read(ArrowStreamWriter(schema).encodeStream([all.slice(500..<502)]))
        #expect(read[0].columns[0].dictionary?.strings == ["entry 500", "entry 501"])
    }

    @Test(arguments: compressions) func everyTruncationIsNoticed(_ compression: ArrowCompression)
        throws
    {
        let batch = Self.batch(count: 9)
        let writer = ArrowStreamWriter(batch.schema, compression: compression)
        let head = writer.encodeSchema().bytes
        let bytes = head + writer.encode(batch).bytes
        for length in 0..<bytes.count {
            do {
                let read = try Self.read(Array(bytes[..<length]))
                // The bytes end between two messages: a stream without rows.
                #expect(read.isEmpty, "\(length) bytes are read as a whole batch")
            } catch {
                #expect(error.code == .truncated || length == 0, "\(length): \(error)")
            }
        }
    }

    @Test(arguments: compressions) func flippedBitsNeverTrap(_ compression: ArrowCompression) {
        let batch = Self.batch(count: 9)
        let bytes = ArrowStreamWriter(batch.schema, compression: compression).encodeStream([batch])
        var refused = 0
        for bit in stride(from: 0, to: bytes.count * 8, by: TestSlice.step(15)) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            do {
                for batch in try Self.read(damaged) { _ = batch.rows }
            } catch {
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    @Test func randomDamageNeverTraps() {
        var random = SeededGenerator(seed: 11)
        let batch = Self.batch(count: 20)
        let streams = Self.compressions.map {
            ArrowStreamWriter(batch.schema, compression: $0).encodeStream([batch, batch])
        }
        let interesting: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]
        for round in 0..<(_isDebugAssertConfiguration() ? 5_000 : 100_000) {
            var damaged = streams[round % streams.count]
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<damaged.count, using: &random)
                let width = min(
                    [1, 2, 4, 8].randomElement(using: &random) ?? 1, damaged.count - place)
                let filler = interesting.randomElement(using: &random) ?? 0
                for byte in 0..<width { damaged[place + byte] = filler }
            }
            guard let batches = try? Self.read(damaged) else { continue }
            for batch in batches { _ = batch.rows }
        }
    }

    @Test func aClaimOfManyBytesIsRefusedBeforeTheyAreTaken() throws {
        let schema = Schema([Field("n", .long)])
        let batch = RecordBatch(schema, rows: Array(repeating: [.long(5)], count: 100_000))
        let bytes = ArrowStreamWriter(schema, compression: .zstd(level: 3)).encodeStream([batch])
        #expect(bytes.count < 2_000)
        #expect(try Self.read(bytes)[0].count == 100_000)
        let tight = ArrowReadLimits(bytesPerInputByte: 8, slackBytes: 1_000)
        #expect(throws: ArrowError.self) { try Self.read(bytes, limits: tight) }
        do {
            _ = try Self.read(bytes, limits: tight)
        } catch {
            #expect(error.code == .tooLarge)
            #expect(error.column == "n")
        }
    }

    @Test func whatIsNoArrowIsRefused() {
        for text in ["", "PAR1", "symbol,price\nIBM,1", "ARROW1\0\0"] {
            #expect(throws: ArrowError.self) { try Self.read(Array(text.utf8)) }
        }
    }
}
