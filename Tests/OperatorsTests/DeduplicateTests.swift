import Columnar
import Expressions
import KeyedState
import Operators
import Storage
import TestSupport
import Testing

/// Deduplication against a plain re-implementation, whatever the blocks and restores.
@Suite struct DeduplicateTests {
    static let input = Schema([Field("ts", .timestamp), Field("key", .string), Field("n", .long)])

    struct Kind: Sendable, CustomTestStringConvertible {
        let columns: [Int]
        let isWithinWatermark: Bool
        var testDescription: String { "\(columns)\(isWithinWatermark ? " within watermark" : "")" }
    }

    static let kinds = [
        Kind(columns: [1], isWithinWatermark: false),
        Kind(columns: [1, 0], isWithinWatermark: false),
        Kind(columns: [0], isWithinWatermark: true),
        Kind(columns: [2, 1], isWithinWatermark: true),
    ]

    /// The rules in the words of the semantics.
    private struct Reference {
        let kind: Kind
        let delay: Int64
        var seen: [String: Int64?] = [:]

        mutating func run(_ rows: [[Value]], late: Int64, eviction: Int64) -> [[Value]] {
            var emitted: [[Value]] = []
            for row in rows {
                var time: Int64?
                if case .timestamp(let micros) = row[0] { time = micros }
                if let time, time <= late * 1_000 { continue }
                let key = "\(kind.columns.map { row[$0] })"
                if seen.keys.contains(key) { continue }
                let isTimed = kind.columns.contains(0)
                seen[key] = .some(
                    kind.isWithinWatermark
                        ? (time ?? 0) + delay * 1_000 : isTimed ? time : nil)
                emitted.append(row)
            }
            seen = seen.filter { entry in entry.value.map { $0 > eviction * 1_000 } ?? true }
            return emitted
        }
    }

    @Test(arguments: kinds, [1 as UInt64, 2, 3])
    func agreesWithTheRules(_ kind: Kind, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let delay: Int64 = 4_000
        var reference = Reference(kind: kind, delay: delay)
        let make = {
            Deduplicate(
                Deduplication(columns: kind.columns, isWithinWatermark: kind.isWithinWatermark),
                filter: nil, input: Self.input,
                watermark: WatermarkedColumn(column: 0, delayMs: delay))
        }
        var query = make()
        let files = SimulatedFileSystem()
        let store = StateStore(
            directory: try Path("/state"), fileSystem: files,
            fingerprint: query.state[0].fingerprint,
            snapshotIntervalBatches: 3)
        try store.prepare()
        var receipts: [Int64: [FileReceipt]] = [:]
        var tracker = WatermarkTracker(inputs: [.init(delayMs: delay)])
        var late: Int64 = 0
        for batch in Int64(0)..<40 {
            let rows = (0..<Int.random(in: 0..<40, using: &random)).map { _ -> [Value] in
                let time = batch * 500 + Int64.random(in: -8_000...2_000, using: &random)
                let isNull = Int.random(in: 0..<20, using: &random) == 0
                return [
                    isNull ? .null : .timestamp(max(1, time) / 200 * 200_000 + time % 2 * 999),
                    .string("k\(Int.random(in: 0..<9, using: &random))"),
                    .long(Int64.random(in: 0..<3, using: &random)),
                ]
            }
            let eviction = tracker.watermarkMs
            let expected = reference.run(rows, late: late, eviction: eviction)
            let found = try run(query, rows, late: late, blockRows: 1 + Int(batch) % 7)
            #expect(found == expected, "batch \(batch)")
            var output = OutputRows()
            query.finish(batchContext(lateMs: late, watermarkMs: eviction), into: &output)
            let counts = query.counters
            #expect(counts.stateRows == reference.seen.count, "batch \(batch)")
            #expect(counts.rowsIn == rows.count)
            #expect(counts.rowsLate + counts.totals[0].count == rows.count - expected.count)
            var statistics = EventTimeStatistics()
            statistics.add(Column(.timestamp, rows.map { $0[0] }))
            tracker.endBatch([statistics])
            late = eviction
            let staged = try store.stage(store.takeChanges(of: query.table, batch: batch))
            _ = try files.publish(staged.files)
            receipts[batch] = staged.receipts
            guard batch % 4 == 2 else { continue }
            if batch % 8 == 2 { query = make() }
            try store.restore(query.table, toVersion: batch + 1) { receipts[$0] }
        }
    }

    private func run(
        _ query: Deduplicate, _ rows: [[Value]], late: Int64, blockRows: Int
    ) throws -> [[Value]] {
        let batch = batchContext(lateMs: late, watermarkMs: late)
        var output = OutputRows()
        for first in stride(from: 0, to: rows.count, by: blockRows) {
            let part = Array(rows[first..<min(first + blockRows, rows.count)])
            let block = InputBlock(
                batch: RecordBatch(Self.input, rows: part), firstSequence: Int64(first))
            let prepared = try query.prepare(block, port: 0, batch)
            try query.fold(prepared, port: 0, batch, into: &output)
        }
        return output.blocks.flatMap { $0.batch.rows }
    }

    @Test func blocksRememberWhereRowsWere() throws {
        let rows = (0..<8).map { [Value.timestamp(Int64($0)), .string("k"), .long(Int64($0))] }
        let block = InputBlock(batch: RecordBatch(Self.input, rows: rows), firstSequence: 100)
        let some = block.keeping([1, 3, 4, 7]).keeping([1, 3])
        #expect(some.batch.rows == [rows[3], rows[7]])
        #expect(some.rows(at: [3, 7]).rows == [rows[3], rows[7]])
        #expect(some.rows(at: [7]).rows == [rows[7]])
        #expect(block.rows(at: [2, 5]).rows == [rows[2], rows[5]])
    }

    @Test func modesThatCannotWorkAreRefused() {
        let within = Deduplication(columns: [1], isWithinWatermark: true)
        let all = Deduplication(columns: [1], isWithinWatermark: false)
        #expect(check(within, watermarkColumn: nil, upstream: nil).count == 1)
        #expect(check(within, watermarkColumn: 0, upstream: .append).isEmpty)
        #expect(check(all, watermarkColumn: nil, upstream: nil).isEmpty)
        #expect(check(all, watermarkColumn: 0, upstream: .update).count == 1)
        #expect(check(all, watermarkColumn: 0, upstream: .complete).count == 1)
    }
}
