import Columnar
import Testing

@Suite struct ColumnTests {
    static let samples: [(DataType, [Value])] = [
        (.boolean, [.boolean(true), .null, .boolean(false), .boolean(true)]),
        (.int, [.int(.min), .null, .int(.max), .int(0)]),
        (.long, [.long(.min), .null, .long(.max), .long(7)]),
        (.double, [.double(-0.0), .double(.nan), .null, .double(.infinity)]),
        (.decimal(precision: 18, scale: 4), [.decimal(unscaled: -5, scale: 4), .null]),
        (.decimal(precision: 38, scale: 2), [.decimal(unscaled: .max / 10, scale: 2), .null]),
        (.string, [.string("IBM"), .string(""), .null, .string("caf\u{e9}"), .string("IBM")]),
        (.binary, [.binary([0xff, 0]), .binary([]), .null, .binary([0x41]), .binary([0xff, 0])]),
        (.date, [.date(0), .null, .date(-1)]),
        (.timestamp, [.timestamp(0), .timestamp(-1), .null]),
    ]

    @Test(arguments: samples) func valuesComeBack(type: DataType, values: [Value]) {
        let column = Column(type, values)
        #expect((0..<column.count).map { column.value(at: $0) } == values)
        #expect(column.nullCount == values.filter(\.isNull).count)
    }

    @Test(arguments: samples) func sliceGatherAndConcatenateKeepValues(
        type: DataType, values: [Value]
    ) throws {
        // Long enough for slices that start inside any bit of a word.
        let many = Array(repeating: values, count: 40).flatMap { $0 }
        let column = Column(type, many)
        for start in [0, 1, 7, 8, 63, 64, 65] where start + 5 <= many.count {
            let slice = column.slice(start..<many.count - 3)
            #expect(
                (0..<slice.count).map { slice.value(at: $0) } == Array(many[start..<many.count - 3])
            )
            let joined = try Column.concatenate([slice, column, slice.slice(0..<1)], type: type)
            #expect(
                (0..<joined.count).map { joined.value(at: $0) }
                    == Array(many[start..<many.count - 3]) + many + [many[start]])
        }
        let indices: [Int32] = [3, 0, 0, 11, 5, 2].map { Int32($0 % many.count) }
        let gathered = column.gather(indices)
        #expect((0..<6).map { gathered.value(at: $0) } == indices.map { many[Int($0)] })
    }

    @Test func codesFromOutsideAreChecked() throws {
        let dictionary = try StringDictionary(["a", "b"])
        let good = Buffer(copying: [0, 1, 1] as [Int32])
        let bad = Buffer(copying: [0, 2, -1] as [Int32])
        #expect(Column(validatingCodes: good, dictionary: dictionary, count: 3) != nil)
        #expect(Column(validatingCodes: bad, dictionary: dictionary, count: 3) == nil)
        let nulls = Bitmap([true, false, false])
        let mended = Column(validatingCodes: bad, dictionary: dictionary, count: 3, validity: nulls)
        #expect(mended.map { (0..<3).map($0.value) } == [.string("a"), .null, .null])
        let empty = try StringDictionary([])
        #expect(Column(validatingCodes: good, dictionary: empty, count: 3) == nil)
    }

    @Test func stringsThatDoNotFitInAColumnAreRefused() throws {
        func batch(_ strings: [String]) -> RecordBatch {
            RecordBatch(
                Schema([Field("n", .int), Field("s", .string)]),
                [
                    Column(.int, strings.map { _ in .int(1) }),
                    Column(.string, strings.map { .string($0) }),
                ], count: strings.count)
        }
        // Each distinct string counts once: "a", "bb" and "ccc" are six bytes.
        let parts = [batch(["a", "bb", "a"]), batch(["bb", "ccc", "a"])]
        let schema = parts[0].schema
        let joined = try RecordBatch.concatenate(parts, schema: schema, stringBytesMax: 6)
        #expect(joined.rows == parts.flatMap(\.rows))
        #expect(throws: StringsTooLarge(column: "s")) {
            try RecordBatch.concatenate(parts, schema: schema, stringBytesMax: 5)
        }
        #expect(throws: StringsTooLarge()) {
            try StringDictionary(["a", "bb", "a"], byteCountMax: 3)
        }
        #expect(try StringDictionary(["a", "bb", "a"], byteCountMax: 4).count == 3)
        #expect("\(StringsTooLarge(column: "s"))".contains("the column 's' take more than 2 GiB"))
        var builder = ColumnBuilder(.string)
        for text in ["a", "bb", "a"] { builder.append(string: text) }
        #expect(builder.stringBytes == 3)
    }

    @Test func offsetsFromOutsideAreChecked() {
        func dictionary(_ offsets: [Int32], _ text: [UInt8]) -> StringDictionary? {
            StringDictionary(
                validatingOffsets: Buffer(copying: offsets), bytes: Buffer(copying: text),
                count: offsets.count - 1)
        }
        #expect(dictionary([0, 1, 3], [0x61, 0xC3, 0xA9])?.strings == ["a", "\u{e9}"])
        #expect(dictionary([0, 2, 3], [0x61, 0xC3, 0xA9]) == nil, "a character cut in two")
        #expect(dictionary([0, 2, 1], [0x61, 0x61, 0x61]) == nil, "descending")
        #expect(dictionary([0, 4], [0x61]) == nil, "past the end")
        #expect(dictionary([-1, 1], [0x61]) == nil, "negative")
        #expect(dictionary([0, 1], [0xFF]) == nil, "not UTF-8")
    }

    @Test func stringsAreComparedByBytes() throws {
        let interner = StringInterner()
        #expect(interner.intern("caf\u{e9}") == 0)
        #expect(interner.intern("cafe\u{301}") == 1)
        #expect(interner.intern("caf\u{e9}") == 0)
        for number in 0..<1_000 { _ = interner.intern("s\(number)") }
        #expect(interner.intern("s999") == 1_001)
        #expect(interner.dictionary().string(at: 1_001) == "s999")
        // Of every length that is compared in its own way, with neighbours that differ at one end.
        var known: [String: Int32] = [:]
        for length in 0..<40 {
            for text in ["a", "b"].flatMap({
                [
                    String(repeating: $0, count: length),
                    $0 + String(repeating: "c", count: length),
                    String(repeating: "c", count: length) + $0,
                ]
            }) {
                let number = interner.intern(text)
                #expect(known[text] ?? number == number)
                #expect(!known.contains { $0.key != text && $0.value == number })
                known[text] = number
            }
        }
        let words = known.keys.sorted() + ["new", "new"]
        var numbers: [Int32] = [7]
        interner.intern(try StringDictionary(words), base: 100, into: &numbers)
        #expect(numbers.count == 1 + words.count && numbers[0] == 7)
        for (word, number) in zip(words, numbers.dropFirst()) {
            #expect(number == 100 + interner.intern(word))
        }
    }

    @Test func prefixesOrderAndAnyEntriesMakeADictionary() throws {
        let interner = StringInterner()
        let words = [
            "", "\0", "\0\0", "a", "a\0", "ab", "abcdef", "abcdefg", "abcdefg\0", "abcdefga",
            "abcdefgaa", "abcdefgb", "b", String(repeating: "b", count: 100), "\u{e9}\u{e9}\u{e9}",
        ]
        for word in words { _ = interner.intern(word) }
        for left in words {
            for right in words {
                let prefixes = (
                    interner.prefix(interner.intern(left)), interner.prefix(interner.intern(right))
                )
                let isLess = left.utf8.lexicographicallyPrecedes(right.utf8)
                #expect(prefixes.0 <= prefixes.1 || !isLess)
                #expect(prefixes.0 != prefixes.1 || left == right || left.utf8.count > 7)
            }
        }
        // Each alone, so that each is the last; all, in another order; none.
        for chosen in words.map({ [$0] }) + [words.reversed(), []] {
            let bytes = chosen.reduce(0) { $0 + $1.utf8.count }
            let numbers = chosen.map { interner.intern($0) }
            let dictionary = try #require(interner.dictionary(of: numbers, byteCountMax: bytes))
            #expect(dictionary.strings == chosen)
            #expect(dictionary.bytes.count == bytes)
            if bytes > 0 {
                #expect(interner.dictionary(of: numbers, byteCountMax: bytes - 1) == nil)
            }
        }
    }
}

@Suite struct BitmapTests {
    @Test func wordsMatchBitsAtEveryOffset() {
        let bits = (0..<300).map { $0 % 3 == 0 || $0 % 7 == 2 }
        let whole = Bitmap(bits)
        for start in 0..<70 {
            for length in [1, 5, 63, 64, 65, 128, 200] {
                let slice = whole.slice(start..<start + length)
                let expected = Array(bits[start..<start + length])
                #expect((0..<length).map { slice[$0] } == expected)
                #expect(slice.setBitCount == expected.count { $0 })
                #expect(slice.setBitIndices() == (0..<Int32(length)).filter { expected[Int($0)] })
                let packed = Bitmap(slice.packed(), count: length)
                #expect((0..<length).map { packed[$0] } == expected)
            }
        }
    }

    @Test func operatorsWorkBitByBit() {
        let a = Bitmap((0..<100).map { $0 % 2 == 0 })
        let b = Bitmap((0..<130).map { $0 % 3 == 0 }).slice(30..<130)
        for row in 0..<100 {
            #expect((a & b)[row] == (a[row] && b[row]))
            #expect((a | b)[row] == (a[row] || b[row]))
            #expect((~b)[row] == !b[row])
        }
        #expect((~b).setBitCount == 100 - b.setBitCount)
    }
}

@Suite struct CivilDateTests {
    @Test func everyDayOfFourCenturiesRoundTrips() {
        var previous = CivilDate(daysSinceEpoch: -200_001)
        for days in -200_000...200_000 {
            let date = CivilDate(daysSinceEpoch: days)
            #expect(date.daysSinceEpoch == days && date.isValid)
            let isNext =
                date.day == previous.day + 1
                || (date.day == 1
                    && previous.day == CivilDate.days(inMonth: previous.month, of: previous.year))
            #expect(isNext, "\(previous) is followed by \(date)")
            previous = date
        }
    }

    @Test(arguments: [
        (0, "1970-01-01"), (-1, "1969-12-31"), (16_071, "2014-01-01"), (19_782, "2024-02-29"),
        (-719_529, "-0001-12-31"), (2_932_897, "+10000-01-01"),
    ]) func printsAsSparkDoes(days: Int, text: String) {
        #expect(CivilDate(daysSinceEpoch: days).description == text)
    }

    @Test(arguments: [
        (0 as Int64, "1970-01-01 00:00:00"), (-1, "1969-12-31 23:59:59.999999"),
        (1_723_161_600_120_000, "2024-08-09 00:00:00.12"),
        (.min, "-290308-12-21 19:59:05.224192"), (.max, "+294247-01-10 04:00:54.775807"),
    ]) func timestampsPrintAsSparkDoes(micros: Int64, text: String) {
        #expect(formatTimestamp(micros: micros) == text)
    }
}
