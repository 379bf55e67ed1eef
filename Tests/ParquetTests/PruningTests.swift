import Columnar
import Parquet
import Synchronization
import TestSupport
import Testing

/// A file in memory that counts what is read of it.
final class CountedBytes: ParquetSource {
    private let bytes: Buffer
    private let total = Mutex(0)

    init(_ bytes: [UInt8]) { self.bytes = Buffer(copying: bytes) }

    var byteCount: Int { bytes.count }
    var bytesRead: Int { total.withLock { $0 } }

    func read(_ range: Range<Int>) throws(ParquetError) -> Buffer {
        total.withLock { $0 += range.count }
        return bytes.slice(range)
    }
}

/// Row ranges leave out rows, never one that is wanted, and what is left out is not read.
@Suite struct PruningTests {
    static let schema = Schema([
        Field("id", .long), Field("price", .double), Field("symbol", .string),
    ])

    /// 40,000 rows: ids rise, prices are NaN or null here and there, symbols come in blocks.
    static func batch() -> RecordBatch {
        var random = SeededGenerator(seed: 11)
        return RecordBatch(
            schema,
            rows: (0..<40_000).map { row -> [Value] in
                let price: Value =
                    row % 997 == 0 ? .double(.nan) : .double(.random(in: 0..<100, using: &random))
                return [
                    .long(Int64(row) * 3), row % 13 == 0 ? .null : price,
                    .string("S\(row / 100)"),
                ]
            })
    }

    static func file(
        _ change: (inout ParquetOptions) -> Void = { _ in }
    ) throws -> [UInt8] {
        var options = ParquetOptions()
        options.rowGroupRowsMax = 10_000
        options.pageRowsMax = 500
        options.excludedEncodings = [.deltaBinaryPacked, .dictionary]
        change(&options)
        return try ParquetWriter.encode(batch(), options)
    }

    @Test func oneRowIsFoundInAFractionOfTheBytes() throws {
        let bytes = try Self.file()
        let all = CountedBytes(bytes)
        _ = try ParquetFile(all).read()
        let source = CountedBytes(bytes)
        let file = try ParquetFile(source)
        let ranges = try file.rowRanges(
            where: [ColumnRange(column: 0, from: .long(66_000), through: .long(66_000))])
        #expect(ranges == [RowRange(rowGroup: 2, rows: 2_000..<2_500)])
        let rows = try file.read(rowGroup: 2, rows: 2_000..<2_500).rows
        #expect(rows == Array(Self.batch().rows[22_000..<22_500]))
        #expect(source.bytesRead < all.bytesRead / 5)
        #expect(all.bytesRead >= bytes.count / 2)
    }

    @Test func pagesOfMoreStringsThanAreSortedHaveTheirBounds() throws {
        var random = SeededGenerator(seed: 3)
        var words: Set<String> = ["", "\0", "a", "a\0", "zzzzzzz", "zzzzzzzz", "zzzzzzzz\0"]
        while words.count < 70_000 {
            // Short ones, and long ones that begin with the same eight bytes.
            let number = UInt32.random(in: 0..<1 << 24, using: &random)
            words.insert(words.count % 2 == 0 ? "\(number)" : "together\(number)")
        }
        let pages = stride(from: 0, to: words.count, by: 500)
        let ordered = words.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let rows = pages.flatMap { ordered[$0..<$0 + 500].shuffled(using: &random) }
        let schema = Schema([Field("symbol", .string)])
        var options = ParquetOptions()
        options.pageRowsMax = 500
        let batch = RecordBatch(schema, rows: rows.map { [.string($0)] })
        let bytes = try ParquetWriter.encode(batch, options)
        let file = try ParquetFile(Buffer(copying: bytes))
        for first in pages {
            for value in [ordered[first], ordered[first + 499]].map(Value.string) {
                let ranges = try file.rowRanges(
                    where: [ColumnRange(column: 0, from: value, through: value)])
                #expect(ranges == [RowRange(rowGroup: 0, rows: first..<first + 500)])
            }
        }
        // A dictionary that has every string twice makes no difference.
        let codes = Buffer(of: Int32.self, count: rows.count) { output in
            for row in 0..<rows.count {
                output.append(Int32(row % 3 == 0 ? row : row + rows.count))
            }
        }
        let doubled = unsafe Column(
            uncheckedCodes: codes, dictionary: try StringDictionary(rows + rows), count: rows.count)
        #expect(
            try ParquetWriter.encode(RecordBatch(schema, [doubled], count: rows.count), options)
                == bytes)
    }

    @Test func everyRangeOfRowsIsReadRightly() throws {
        let expected = Self.batch().rows
        for encoding: [ParquetEncoding] in [[], [.dictionary], [.deltaBinaryPacked]] {
            let bytes = try Self.file { $0.excludedEncodings = Set(encoding) }
            let file = try ParquetFile(Buffer(copying: bytes))
            var random = SeededGenerator(seed: 12)
            for _ in 0..<TestSlice.runs(12) {
                let group = Int.random(in: 0..<4, using: &random)
                let start = Int.random(in: 0...10_000, using: &random)
                let end = Int.random(in: start...10_000, using: &random)
                let rows = try file.read(rowGroup: group, rows: start..<end).rows
                #expect(rows == Array(expected[group * 10_000 + start..<group * 10_000 + end]))
            }
        }
    }

    @Test func noWantedRowIsLeftOut() throws {
        let expected = Self.batch().rows
        let file = try ParquetFile(Buffer(copying: try Self.file()))
        var random = SeededGenerator(seed: 13)
        for _ in 0..<TestSlice.runs(20) {
            let low = Double.random(in: -10..<110, using: &random)
            let span = Double.random(in: 0..<0.2, using: &random)
            let id = Int64.random(in: -10..<121_000, using: &random)
            let conditions =
                [
                    [
                        ColumnRange(column: 1, from: .double(low)),
                        ColumnRange(column: 0, from: .long(id), through: .long(id + 600)),
                    ],
                    [ColumnRange(column: 1, from: .double(low), through: .double(low + span))],
                    [ColumnRange(column: 0, through: .long(id))],
                    [ColumnRange(column: 2, from: .string("S3"), through: .string("S31"))],
                ].randomElement(using: &random) ?? []
            var kept = [Bool](repeating: false, count: expected.count)
            for range in try file.rowRanges(where: conditions) {
                for row in range.rows { kept[range.rowGroup * 10_000 + row] = true }
            }
            for (row, values) in expected.enumerated() where !kept[row] {
                #expect(!conditions.allSatisfy { Self.isIn($0, values[$0.column]) }, "row \(row)")
            }
        }
    }

    /// Spark's order: NaN is greater than any number.
    private static func isIn(_ range: ColumnRange, _ value: Value) -> Bool {
        switch (value, range.lower, range.upper) {
        case (.null, _, _): return false
        case (.long(let value), let lower, let upper):
            if case .long(let lower)? = lower, value < lower { return false }
            if case .long(let upper)? = upper, value > upper { return false }
        case (.double(let value), let lower, let upper):
            if case .double(let lower)? = lower, value < lower { return false }
            if case .double(let upper)? = upper, value > upper || value.isNaN { return false }
        case (.string(let value), let lower, let upper):
            if case .string(let lower)? = lower, value < lower { return false }
            if case .string(let upper)? = upper, value > upper { return false }
        default: return false
        }
        return true
    }

    @Test func bloomFiltersLeaveOutWhatIsNotThere() throws {
        let plain = try ParquetFile(Buffer(copying: try Self.file()))
        let filtered = try ParquetFile(
            Buffer(copying: try Self.file { $0.bloomFilterColumns = ["id", "symbol", "price"] }))
        func rows(_ file: ParquetFile, _ column: Int, _ value: Value) throws -> Int {
            try file.rowRanges(where: [ColumnRange(column: column, from: value, through: value)])
                .reduce(0) { $0 + $1.rows.count }
        }
        var without = 0
        var with = 0
        for number in 0..<1_000 {
            // Every third id is there.
            let value = Value.long(Int64(number) * 120)
            #expect(try rows(filtered, 0, value) == rows(plain, 0, value))
            let missing = Value.long(Int64(number) * 120 + 1)
            without += try rows(plain, 0, missing)
            with += try rows(filtered, 0, missing)
        }
        #expect(without == 500_000)
        #expect(with > 0 && with < without / 50)
        #expect(try rows(filtered, 2, .string("S7")) > 0)
        #expect(try rows(filtered, 2, .string("S7x")) == 0)
        #expect(throws: ParquetError.self) {
            var options = ParquetOptions()
            options.bloomFilterColumns = ["flag"]
            _ = try ParquetWriter.encode(
                RecordBatch(Schema([Field("flag", .boolean)]), rows: [[.boolean(true)]]), options)
        }
    }

    /// Statistics of the old kind, whose order writers disagreed on, are not looked at; nor are
    /// new ones of a file that does not say how they are ordered.
    @Test func boundsWithoutADefinedOrderAreNotTrusted() throws {
        let batch = RecordBatch(
            Schema([Field("id", .long)]), rows: (0..<100).map { [.long(Int64($0))] })
        let sought = ColumnRange(column: 0, from: .long(1_000), through: .long(2_000))
        let bytes = try ParquetWriter.encode(batch)
        let file = try ParquetFile(Buffer(copying: bytes))
        #expect(try file.rowRanges(where: [sought]) == [])
        // The footer's last field lists the column orders: 0x19 0x1c, then one union, 0x1c 0x00
        // 0x00, then the end. Another member of the union is an order that is not known here.
        let order: [UInt8] = [0x1c, 0x00, 0x00, 0x00]
        let place = try #require(
            (0..<bytes.count - 4).last { Array(bytes[$0..<$0 + 4]) == order })
        var unknown = bytes
        unknown[place] = 0x3c
        let other = try ParquetFile(Buffer(copying: unknown))
        #expect(try other.rowRanges(where: [sought]) == [RowRange(rowGroup: 0, rows: 0..<100)])
        #expect(try other.read().rows == batch.rows)
    }
}
