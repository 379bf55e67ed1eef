import Columnar
import Expressions
import KeyedState
import Operators
import Storage
import TestSupport
import Testing

/// Rows of several splits in one group: how they follow one another changes no bit of a result.
@Suite struct LaneTests {
    /// Rows of a lane in their order; they lie in time as they do in the list, roughly.
    private typealias Streams = [(lane: Lane, rows: [[Value]])]

    /// In their order, which is not that of their numbers as text.
    private static let splits = [2, 7, 10].map { Lane(source: 0, group: "ticks", number: $0) }

    /// Every aggregate that depends on the order of rows, and some that do not.
    private static let select = [
        "symbol", "first(price) AS f", "last(note) AS l", "min_by(note, price) AS b",
        "max_by(volume, note) AS c", "sum(price) AS s", "avg(price) AS a",
        "stddev_samp(price) AS d", "max(price) AS m", "count(*) AS n", "sum(volume) AS v",
        "last(price, true) FILTER (WHERE flag) AS x", "count(DISTINCT note) AS k",
    ]

    /// In sessions the sums of doubles depend on the order in which sessions become one.
    private static let sessionSelect = [
        "symbol", "first(price) AS f", "last(note) AS l", "min_by(note, price) AS b",
        "sum(volume) AS v", "count(*) AS n", "last(price, true) FILTER (WHERE flag) AS x",
    ]

    /// A query fed from several lanes, with the files of its state.
    private struct Run {
        let make: () -> Aggregate
        var query: Aggregate
        var emitted: [[Value]] = []
        private let files = SimulatedFileSystem()
        private let stores: [StateStore]
        private var receipts: [[Int64: [FileReceipt]]]
        private var batch: Int64 = 0

        init(_ window: String, _ mode: OutputMode, lanes: LaneLayout) throws {
            let isSession = window.hasPrefix("session")
            let text = QueryText(
                groupBy: window.isEmpty ? ["symbol"] : ["symbol", window],
                select: isSession ? LaneTests.sessionSelect : LaneTests.select)
            guard
                case .aggregation(let plan) = try analyze(
                    text, input: RandomRows.schema, eventTime: "ts")
            else { preconditionFailure("an aggregation") }
            make = {
                Aggregate(
                    plan: plan, mode: mode, eventTimeColumn: 0, watermarked: true, lanes: lanes)
            }
            query = make()
            let files = files
            stores = try query.state.enumerated().map { place, state in
                let store = StateStore(
                    directory: try Path("/state/\(place)"), fileSystem: files,
                    fingerprint: state.fingerprint, snapshotIntervalBatches: 3)
                try store.prepare()
                return store
            }
            receipts = Array(repeating: [:], count: stores.count)
        }

        mutating func add(
            _ blocks: Streams, watermarkMs: Int64, restores: Bool
        ) throws {
            let context = batchContext(batch, lateMs: 0, watermarkMs: watermarkMs)
            var output = OutputRows()
            for (lane, rows) in blocks {
                let block = InputBlock(
                    batch: RecordBatch(RandomRows.schema, rows: rows), firstSequence: 0, lane: lane)
                let prepared = try query.prepare(block, port: 0, context)
                try query.fold(prepared, port: 0, context, into: &output)
            }
            try query.finish(context, into: &output)
            emitted += output.blocks.flatMap { $0.batch.rows }
            for (place, state) in query.state.enumerated() {
                let staged = try stores[place].stage(
                    stores[place].takeChanges(of: state.table, batch: batch))
                _ = try files.publish(staged.files)
                receipts[place][batch] = staged.receipts
            }
            batch += 1
            guard restores else { return }
            query = make()
            for (place, state) in query.state.enumerated() {
                let known = receipts[place]
                try stores[place].restore(state.table, toVersion: batch) { known[$0] }
            }
        }
    }

    private static func streams(_ lanes: [Lane], seed: UInt64) -> Streams {
        var random = RandomRows(seed: seed, startMicros: 100_000_000)
        var rows = lanes.map { _ in [[Value]]() }
        for (index, row) in random.rows(240).enumerated() { rows[index % lanes.count].append(row) }
        return zip(lanes, rows).map { ($0, $1) }
    }

    /// Feeds the rows in batches and blocks at random, each lane's in their order.
    ///
    /// With `closes` the watermark follows, and ends all windows in the end.
    private func run(
        _ window: String, _ mode: OutputMode, lanes: LaneLayout, _ streams: Streams,
        seed: UInt64?, restores: Bool = false, closes: Bool = true
    ) throws -> Run {
        var run = try Run(window, mode, lanes: lanes)
        var left = streams
        var random = SeededGenerator(seed: seed ?? 0)
        while left.contains(where: { !$0.rows.isEmpty }) {
            var blocks: Streams = []
            for _ in 0..<(seed == nil ? 1 : Int.random(in: 1...4, using: &random)) {
                for index in seed == nil
                    ? Array(left.indices) : left.indices.shuffled(using: &random)
                {
                    let most = left[index].rows.count
                    let count =
                        seed == nil ? most : min(most, Int.random(in: 0...9, using: &random))
                    guard count > 0 else { continue }
                    blocks.append((left[index].lane, Array(left[index].rows.prefix(count))))
                    left[index].rows.removeFirst(count)
                }
            }
            let watermarkMs = closes ? Self.watermarkMs(before: left) : 0
            try run.add(blocks, watermarkMs: watermarkMs, restores: restores)
        }
        if closes { try run.add([], watermarkMs: 1_000_000_000, restores: restores) }
        return run
    }

    /// A watermark that makes none of the rows late.
    private static func watermarkMs(before streams: Streams) -> Int64 {
        let times = streams.flatMap(\.rows).compactMap { row -> Int64? in
            if case .timestamp(let micros) = row[0] { micros } else { nil }
        }
        return max(0, (times.min() ?? 0) / 1_000 - 20_000)
    }

    @Test(arguments: [
        "window(ts, '5 seconds')", "window(ts, '10 seconds', '3 seconds')",
        "session_window(ts, '1500 milliseconds')",
    ])
    func batchesChangeNoBit(window: String) throws {
        for seed in [1, 2] as [UInt64] {
            let streams = Self.streams(Self.splits, seed: seed)
            let whole = try run(window, .append, lanes: .splits, streams, seed: nil).emitted
            #expect(whole.count > 20)
            for cut in 1...6 as ClosedRange<UInt64> {
                let cut = try run(
                    window, .append, lanes: .splits, streams, seed: cut, restores: cut % 2 == 0)
                #expect(bits(cut.emitted) == bits(whole))
            }
        }
    }

    @Test(arguments: ["window(ts, '5 seconds')", ""], [OutputMode.update, .complete])
    func theLastValueIsThatOfAllRows(window: String, mode: OutputMode) throws {
        let streams = Self.streams(Self.splits, seed: 3)
        func groups(seed: UInt64?, restores: Bool) throws -> [[Value]] {
            let run = try run(
                window, mode, lanes: .splits, streams, seed: seed, restores: restores, closes: false
            )
            return try run.query.state[0].rows().rows
        }
        let whole = try groups(seed: nil, restores: false)
        for cut in 1...4 as ClosedRange<UInt64> {
            #expect(bits(try groups(seed: cut, restores: cut % 2 == 0)) == bits(whole))
        }
    }

    /// Splits have the order that sources of the same rows have.
    @Test(arguments: ["window(ts, '5 seconds')", "window(ts, '10 seconds', '3 seconds')"])
    func splitsAreMergedAsSourcesAre(window: String) throws {
        let streams = Self.streams(Self.splits, seed: 4)
        let sources = streams.enumerated().map { (lane: Lane(source: $0), rows: $1.rows) }
        let bySource = try run(window, .append, lanes: .sources(3), sources, seed: 8)
        let bySplit = try run(window, .append, lanes: .splits, streams, seed: 9)
        #expect(bits(bySplit.emitted) == bits(bySource.emitted))
        #expect(bySplit.query.counters.stateRows == bySource.query.counters.stateRows)
    }

    /// A group costs what the lanes hold that have rows of it, and nothing is left behind it.
    @Test func stateHasAPartForEachLaneOfAGroup() throws {
        func row(_ symbol: String) -> [Value] {
            [.timestamp(1_000_000), .string(symbol), .double(1)] + Array(repeating: .null, count: 7)
        }
        let lanes = (0..<64).map { Lane(source: 0, group: "t", number: $0) }
        var run = try Run("window(ts, '5 seconds')", .append, lanes: .splits)
        let blocks = lanes.map { ($0, [row("S\($0.number)"), row("all")]) }
        try run.add(blocks, watermarkMs: 0, restores: false)
        #expect(run.query.table.count == 65)
        #expect(run.query.state[1].table.count == 128)
        #expect(run.query.counters.stateRows == 65)
        try run.add([], watermarkMs: 1_000_000, restores: true)
        #expect(run.emitted.count == 65)
        #expect(run.query.table.count == 0)
        #expect(run.query.state[1].table.count == 0)
    }

    /// The bits: 0.0 and -0.0 differ.
    private func bits(_ rows: [[Value]]) -> [String] {
        rows.map { row in
            row.map { value in
                if case .double(let number) = value { return String(number.bitPattern, radix: 16) }
                return "\(value)"
            }.joined(separator: " ")
        }.sorted()
    }
}
