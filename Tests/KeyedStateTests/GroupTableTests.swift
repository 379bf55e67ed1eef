import Columnar
import TestSupport
import Testing

@testable import KeyedState

@Suite struct GroupTableTests {
    /// Keys of every type; equal values of SQL's grouping share a group.
    @Test func keysAreGroupedAsSQLDoes() throws {
        let cases: [(DataType, [Value], [Int])] = [
            (.boolean, [.boolean(true), .boolean(false), .boolean(true), .null], [0, 1, 0, 2]),
            (.int, [.int(-1), .int(1), .int(-1)], [0, 1, 0]),
            (.long, [.long(.min), .long(.max), .null, .long(0), .null], [0, 1, 2, 3, 2]),
            (
                .double,
                [.double(0), .double(-0.0), .double(.nan), .double(-.nan), .double(.infinity)],
                [0, 0, 1, 1, 2]
            ),
            (.date, [.date(0), .null, .date(-5)], [0, 1, 2]),
            (.timestamp, [.timestamp(-1), .timestamp(-1)], [0, 0]),
            (
                .decimal(precision: 38, scale: 2),
                [
                    .decimal(unscaled: -(1 << 100), scale: 2),
                    .decimal(unscaled: 1 << 100, scale: 2),
                    .decimal(unscaled: -(1 << 100), scale: 2),
                ], [0, 1, 0]
            ),
            (
                .string,
                [.string(""), .string("e\u{301}"), .string("\u{e9}"), .null, .string("")],
                [0, 1, 2, 3, 0]
            ),
        ]
        for (type, values, groups) in cases {
            let table = GroupTable(keys: [Field("k", type)], state: [], rowsMax: 100)
            let column = Column(type, values)
            var slots: [Int32] = []
            for row in values.indices {
                table.encodeKey([column], row: row)
                slots.append(try table.findOrInsert().slot)
            }
            #expect(slots.map { Int($0) } == groups, "\(type)")
            #expect(try table.keyColumn(0, at: slots).count == values.count)
            for (row, value) in values.enumerated() where !isNormalised(value) {
                #expect(try table.keyColumn(0, at: slots).value(at: row) == value, "\(type)")
            }
        }
    }

    @Test func stringsThatDoNotFitInAColumnAreRefused() throws {
        let strings = StateStrings()
        let numbers = ["a", "bb", "ccc"].map { strings.intern($0) }
        let field = Field("k", .string)
        // Each entry counts once, and only where it is used.
        let rows = Buffer(copying: [numbers[0], numbers[1], numbers[0]])
        let column = try strings.column(of: field, rows, validity: nil, byteCountMax: 3)
        #expect((0..<3).map(column.value) == [.string("a"), .string("bb"), .string("a")])
        let error = #expect(throws: KeyedStateError.self) {
            try strings.column(of: field, rows, validity: nil, byteCountMax: 2)
        }
        #expect(error?.code == .tooManyBytes && error?.message.contains("'k'") == true)
        let first = Bitmap([true, false, true])
        #expect(
            try strings.column(of: field, rows, validity: first, byteCountMax: 1).nullCount == 1)
    }

    private func isNormalised(_ value: Value) -> Bool {
        if case .double(let double) = value { double == 0 } else { false }
    }

    @Test func sortsNullsFirstNaNLastStringsByBytes() throws {
        let table = GroupTable(
            keys: [Field("a", .double), Field("b", .string)], state: [], sortOrder: [1, 0],
            rowsMax: 100)
        let a = Column(.double, [.double(.nan), .double(-1), .null, .double(2), .double(1)])
        let b = Column(
            .string, [.string("a"), .string("a"), .string("a"), .string("\u{ff}"), .null])
        for row in 0..<5 {
            table.encodeKey([a, b], row: row)
            _ = try table.findOrInsert()
        }
        let sorted = table.sorted(table.liveSlots)
        #expect(sorted == [4, 2, 1, 0, 3])
    }

    @Test func theLimitNamesItsOption() throws {
        let table = GroupTable(keys: [Field("k", .long)], state: [], rowsMax: 2)
        let keys = Column(.long, [.long(1), .long(2), .long(3)])
        for row in 0..<2 {
            table.encodeKey([keys], row: row)
            _ = try table.findOrInsert()
        }
        table.encodeKey([keys], row: 2)
        let error = #expect(throws: KeyedStateError.self) { try table.findOrInsert() }
        #expect(error?.code == .tooManyRows)
        #expect(error?.message.contains("maxStateRows") == true)
        table.encodeKey([keys], row: 1)
        #expect(try table.findOrInsert().existed)
    }

    @Test func theMemoryLimitNamesItsOption() throws {
        let table = GroupTable(
            keys: [Field("k", .long)], state: [Field("v", .double)], rowsMax: .max,
            bytesMax: 100_000)
        let keys = Column(.long, (0..<10_000).map { .long($0) })
        var groups = 0
        let error = #expect(throws: KeyedStateError.self) {
            for row in 0..<10_000 {
                table.encodeKey([keys], row: row)
                _ = try table.findOrInsert()
                groups += 1
            }
        }
        #expect(error?.code == .tooManyBytes)
        #expect(error?.message.contains("maxStateBytes") == true)
        #expect(groups > 100 && table.count == groups && table.memoryBytes <= 100_000)
        table.encodeKey([keys], row: 1)
        #expect(try table.findOrInsert().existed, "a full state still finds its groups")
    }

    @Test func stringsCountAsMemory() throws {
        let table = GroupTable(
            keys: [Field("k", .string)], state: [], rowsMax: .max, bytesMax: 4 << 20)
        let text = String(repeating: "x", count: 10_000)
        #expect(throws: KeyedStateError.self) {
            for row in 0..<20_000 {
                let key = Column(.string, [.string("\(row)\(text)")])
                table.encodeKey([key], row: 0)
                _ = try table.findOrInsert()
            }
        }
        #expect(table.memoryBytes < 20 << 20)
    }

    /// Many rows are sorted by other means than few: against an order made value by value, with
    /// nulls, strings that share their first bytes, and keys that come after strings.
    @Test(arguments: [[0, 1], [1, 0]], [false, true])
    func sortsManyRowsAsFew(order: [Int], isNullable: Bool) throws {
        var random = SeededGenerator(seed: 5)
        let table = GroupTable(
            keys: [
                Field("s", .string, isNullable: isNullable),
                Field("t", .timestamp, isNullable: isNullable),
            ], state: [], sortOrder: order, rowsMax: .max)
        var keys: [Int32: (String?, Int64?)] = [:]
        for round in 0..<6_000 {
            let isNull = isNullable && round % 50 == 0
            let digits = String(Int.random(in: 0..<400, using: &random))
            let text = Bool.random(using: &random) ? "the same beginning " + digits : digits
            let time = Int64.random(in: -30...30, using: &random) * 60_000_000
            let hasNoTime = isNullable && round % 70 == 0
            let key: (String?, Int64?) = (isNull ? nil : text, hasNoTime ? nil : time)
            let columns = [
                Column(.string, [key.0.map { .string($0) } ?? .null]),
                Column(.timestamp, [key.1.map { .timestamp($0) } ?? .null]),
            ]
            table.encodeKey(columns, row: 0)
            keys[try table.findOrInsert().slot] = key
            if round == 3_000 {
                // A string that comes after the first sort has its place in the second.
                check(table, keys, order)
            }
        }
        check(table, keys, order)
        let few = Array(table.liveSlots.prefix(20))
        let fewSorted = table.sorted(few)
        #expect(fewSorted == table.sorted(table.liveSlots).filter { few.contains($0) })
    }

    /// Groups of a few windows in which most strings occur are sorted by the places that there are.
    @Test(arguments: [1, 3, 64, 65], [false, true])
    func sortsFullWindows(windows: Int, isNullable: Bool) throws {
        var random = SeededGenerator(seed: 6)
        let table = GroupTable(
            keys: [
                Field("s", .string, isNullable: isNullable),
                Field("t", .timestamp, isNullable: false),
            ], state: [], sortOrder: [1, 0], rowsMax: .max)
        var keys: [Int32: (String?, Int64?)] = [:]
        for number in (0..<100).shuffled(using: &random) {
            for window in (0..<windows).shuffled(using: &random)
            where Int.random(in: 0..<3, using: &random) > 0 {
                let text = isNullable && number == 50 ? nil : "symbol \(number)"
                let time = Int64(window - windows / 2) * 60_000_000
                table.encodeKey([Column(.string, [text.map { .string($0) } ?? .null])], row: 0)
                table.setKey(1, to: time)
                keys[try table.insert()] = (text, time)
            }
        }
        check(table, keys, [1, 0])
    }

    private func check(
        _ table: GroupTable, _ keys: [Int32: (String?, Int64?)], _ order: [Int]
    ) {
        let expected = keys.keys.sorted { left, right in
            guard let a = keys[left], let b = keys[right] else { return false }
            let text = compare(a.0.map { Array($0.utf8) }, b.0.map { Array($0.utf8) }) {
                $0.lexicographicallyPrecedes($1)
            }
            let time = compare(a.1, b.1) { $0 < $1 }
            return order == [0, 1] ? (text, time) < (0, 0) : (time, text) < (0, 0)
        }
        #expect(table.sorted(table.liveSlots) == expected)
    }

    /// -1, 0 or 1; null is first.
    private func compare<T: Equatable>(_ a: T?, _ b: T?, _ isLess: (T, T) -> Bool) -> Int {
        guard let a, let b else { return a == nil ? (b == nil ? 0 : -1) : 1 }
        return a == b ? 0 : isLess(a, b) ? -1 : 1
    }

    /// Keys that come and go leave no strings behind, and those that stay keep theirs.
    @Test func stringsAreCollected() throws {
        let table = GroupTable(
            keys: [Field("k", .string)], state: [Field("v", .string)], rowsMax: 100)
        for round in 0..<200_000 {
            let key = Column(.string, [.string("key \(round)")])
            table.encodeKey([key], row: 0)
            let slot = try table.findOrInsert().slot
            let values = unsafe table.columns[0].pointer(as: Int32.self)
            var text = "value \(round)"
            let number = text.withUTF8 {
                unsafe table.strings.intern(UnsafeRawBufferPointer($0))
            }
            unsafe values[Int(slot)] = number
            unsafe table.columns[0].valid[Int(slot)] = 1
            table.markCommitted()
            if round >= 5 { table.remove(Array(table.sorted(table.liveSlots).prefix(1))) }
            table.markCommitted()
        }
        #expect(table.strings.count < 60_000)
        let rows = try table.snapshot().rows
        #expect(rows.count == 5)
        for row in rows {
            guard case .string(let key) = row[0], case .string(let value) = row[1] else {
                Issue.record("not strings: \(row)")
                continue
            }
            #expect(key.dropFirst(4) == value.dropFirst(6))
        }
    }
}
