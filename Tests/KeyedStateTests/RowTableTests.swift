import Columnar
import KeyedState
import Storage
import TestSupport
import Testing

/// Many rows a key, in the order of event time, lane and offset.
@Suite struct RowTableTests {
    private static let keys = [Field("symbol", .string), Field("venue", .long)]
    private static let rows = Schema([Field("price", .double), Field("note", .string)])

    private static func table(rowsMax: Int = 1_000_000) -> RowTable {
        RowTable(keys: keys, rows: rows, rowsMax: rowsMax)
    }

    /// A row as a plain program keeps it.
    private struct Row: Equatable {
        let key: [Value]
        let position: RowPosition
        let values: [Value]
    }

    private static func column(_ value: Value, _ field: Field) -> Column {
        Column(field.type, [value])
    }

    private static func columns(_ values: [Value], _ fields: [Field]) -> [Column] {
        zip(values, fields).map { column($0, $1) }
    }

    private static func put(_ row: Row, into table: RowTable) throws {
        try table.put(
            keys: columns(row.key, keys), values: columns(row.values, rows.fields), row: 0,
            at: row.position)
    }

    private static func row(_ random: inout SeededGenerator, offset: Int64) -> Row {
        let symbol = ["A", "B", nil].randomElement(using: &random) ?? nil
        let lane = Lane(
            source: Int.random(in: 0..<2, using: &random),
            group: ["", "ticks"].randomElement(using: &random) ?? "",
            number: Int.random(in: 0..<12, using: &random))
        let time = EventTime(micros: offset / 4 * 10 + Int64.random(in: -50..<50, using: &random))
        return Row(
            key: [
                symbol.map { .string($0) } ?? .null,
                .long(Int64.random(in: 0..<2, using: &random)),
            ], position: RowPosition(time: time, lane: lane, offset: offset),
            values: [
                .double(Double(offset)), offset % 5 == 0 ? .null : .string("n\(offset % 7)"),
            ])
    }

    private static func found(_ table: RowTable, _ key: [Value]) throws -> [Row] {
        let slots = table.rows(of: columns(key, keys), row: 0).slots
        let values = try table.values(at: slots).rows
        return zip(slots, values).map { slot, values in
            Row(key: key, position: table.position(slot), values: values)
        }
    }

    /// After any puts, removals and evictions, and after a restart behind any batch, the table holds
    /// what a plain program holds, in the same order.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func holdsWhatAPlainProgramHolds(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var table = Self.table()
        var known: [Row] = []
        let files = SimulatedFileSystem()
        let store = StateStore(
            directory: try Path("/state"), fileSystem: files, fingerprint: "f",
            snapshotIntervalBatches: 4)
        try store.prepare()
        var receipts: [Int64: [FileReceipt]] = [:]
        var offset: Int64 = 0
        for batch in Int64(0)..<24 {
            for _ in 0..<Int.random(in: 0..<30, using: &random) {
                let row = Self.row(&random, offset: offset)
                offset += 1
                try Self.put(row, into: table)
                known.append(row)
            }
            let time = EventTime(micros: offset / 4 * 10 - 100)
            switch batch % 4 {
            case 1:
                table.evict(upTo: time)
                known.removeAll { $0.position.time <= time }
            case 2:
                table.evictAllButLast(upTo: time)
                known = Self.allButLast(known, upTo: time)
            case 3:
                let some = table.slots(upTo: EventTime(micros: .max)).filter { $0 % 3 == 0 }
                let gone = Set(some.map { table.position($0) })
                table.remove(some)
                known.removeAll { gone.contains($0.position) }
            default: break
            }
            try Self.check(table, known)
            let staged = try store.stage(store.takeChanges(of: table, batch: batch))
            _ = try files.publish(staged.files)
            receipts[batch] = staged.receipts
            if Bool.random(using: &random) {
                table = Self.table()
                try store.restore(table, toVersion: batch + 1) { receipts[$0] }
                try Self.check(table, known)
            }
        }
    }

    private static func allButLast(_ rows: [Row], upTo time: EventTime) -> [Row] {
        rows.filter { row in
            row.position.time > time
                || !rows.contains {
                    $0.key == row.key && $0.position.time <= time && row.position < $0.position
                }
        }
    }

    private static func check(_ table: RowTable, _ known: [Row]) throws {
        #expect(table.count == known.count)
        for rows in Dictionary(grouping: known, by: { "\($0.key)" }).values {
            let key = rows[0].key
            #expect(try found(table, key) == rows.sorted { $0.position < $1.position })
            for row in rows {
                let all = table.rows(of: columns(key, keys), row: 0)
                let before = rows.count { $0.position < row.position }
                #expect(all.count(before: row.position) == before)
                #expect(all.count(before: row.position, orAt: true) == before + 1)
                let at = rows.count { $0.position.time == row.position.time }
                #expect(all.slots(in: row.position.time...row.position.time).count == at)
            }
        }
        let released = table.slots(upTo: EventTime(micros: .max)).map { table.position($0) }
        #expect(released == known.map(\.position).sorted())
    }

    /// The bytes depend on what changed alone, not on the order in which rows came.
    @Test func filesDependOnTheRowsAlone() throws {
        var random = SeededGenerator(seed: 5)
        let rows = (0..<60).map { Self.row(&random, offset: Int64($0)) }
        let batches = try [rows, rows.reversed(), rows.shuffled(using: &random)].map { rows in
            let table = Self.table()
            for row in rows { try Self.put(row, into: table) }
            return (try table.delta(Workers()).rows, try table.snapshot(Workers()).rows)
        }
        #expect(batches[0].0 == batches[1].0 && batches[0].0 == batches[2].0)
        #expect(batches[0].1 == batches[1].1 && batches[0].1 == batches[2].1)
    }

    @Test func aNullMatchesNothingWhereSQLSaysSo() throws {
        let table = Self.table()
        let row = Row(
            key: [.null, .long(1)],
            position: RowPosition(time: EventTime(micros: 1), lane: Lane(source: 0), offset: 0),
            values: [.null, .null])
        try Self.put(row, into: table)
        let key = Self.columns(row.key, Self.keys)
        #expect(table.rows(of: key, row: 0).slots.count == 1)
        #expect(table.rows(of: key, row: 0, nullsMatch: false).slots.isEmpty)
        #expect(try table.values(at: [-1]).rows == [[.null, .null]])
    }

    /// A row that comes again at its place has its new time and values.
    @Test func aRowThatComesAgainReplacesItself() throws {
        let table = Self.table()
        for (time, price) in [(5, 1.0), (9, 2.0), (2, 3.0)] {
            try Self.put(
                Row(
                    key: [.string("A"), .long(1)],
                    position: RowPosition(
                        time: EventTime(micros: Int64(time)), lane: Lane(source: 0), offset: 7),
                    values: [.double(price), .null]), into: table)
        }
        #expect(table.count == 1)
        let found = try Self.found(table, [.string("A"), .long(1)])
        #expect(found.map(\.position.time.micros) == [2])
        #expect(found.map(\.values) == [[.double(3), .null]])
    }

    @Test func oneRowTooManyIsAnError() throws {
        var random = SeededGenerator(seed: 9)
        let table = Self.table(rowsMax: 3)
        for offset in Int64(0)..<3 { try Self.put(Self.row(&random, offset: offset), into: table) }
        let error = #expect(throws: KeyedStateError.self) {
            try Self.put(Self.row(&random, offset: 3), into: table)
        }
        #expect(error?.code == .tooManyRows)
    }

    @Test func lanesHaveTheOrderOfTheJobThenOfTheirSplits() {
        let lanes = [
            Lane(source: 0), Lane(source: 0, group: "b", number: 9),
            Lane(source: 0, group: "b", number: 10), Lane(source: 1, group: "a", number: 0),
        ]
        #expect(lanes.reversed().sorted() == lanes)
        #expect(lanes.allSatisfy { lane in !(lane < lane) })
    }
}
