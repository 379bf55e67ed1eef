import Columnar
import Expressions
import Glibc
import KeyedState
import Operators
import TestSupport
import Testing

/// Prints what a row costs in each stage; asserts the counts alone.
///
/// Small unless built for release.
@Suite(.serialized) struct FoldBenchmark {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let window: String
        let symbols: Int
        let ticks: Int

        var testDescription: String { name }
    }

    #if DEBUG
        static let scale = 100
    #else
        static let scale = 1
    #endif

    static let input = Schema([
        Field("symbol", .string, isNullable: false),
        Field("event_time", .timestamp, isNullable: false),
        Field("price", .double, isNullable: false), Field("volume", .long, isNullable: false),
    ])

    @Test(arguments: [
        Case(
            name: "1-minute OHLCV, 200 symbols", window: "window(event_time, '1 minute')",
            symbols: 200, ticks: 4_000_000),
        Case(
            name: "1-minute OHLCV, 5 symbols", window: "window(event_time, '1 minute')",
            symbols: 5, ticks: 4_000_000),
        Case(
            name: "1-minute OHLCV, 10,000 symbols", window: "window(event_time, '1 minute')",
            symbols: 10_000, ticks: 4_000_000),
        Case(
            name: "6x sliding OHLCV, 200 symbols",
            window: "window(event_time, '1 minute', '10 seconds')", symbols: 200,
            ticks: 1_000_000),
        Case(
            name: "60x sliding OHLCV, 200 symbols",
            window: "window(event_time, '1 minute', '1 second')", symbols: 200, ticks: 200_000),
        Case(name: "by symbol, 200 symbols", window: "", symbols: 200, ticks: 4_000_000),
        Case(
            name: "sessions of 5 ms, 200 symbols",
            window: "session_window(event_time, '5 milliseconds')", symbols: 200, ticks: 1_000_000),
    ])
    func costOfARow(_ test: Case) throws {
        let ticks = test.ticks / Self.scale
        let blockRows = 65_536
        let text = QueryText(
            where: "price > 0 AND volume > 0",
            groupBy: test.window.isEmpty ? ["symbol"] : ["symbol", test.window],
            select: [
                "symbol", "first(price) AS open", "max(price) AS high", "min(price) AS low",
                "last(price) AS close", "sum(volume) AS volume",
                "sum(price * volume) / sum(volume) AS vwap", "count(*) AS trades",
            ])
        guard
            case .aggregation(let plan) = try analyze(
                text, input: Self.input, eventTime: "event_time")
        else { preconditionFailure("an aggregation") }
        let query = Aggregate(
            plan: plan, mode: test.window.isEmpty ? .update : .append, eventTimeColumn: 1,
            watermarked: true)
        var random = SeededGenerator(seed: 1)
        let symbols = try StringDictionary((0..<test.symbols).map { "S\($0)" })
        var prepareTime = Duration.zero
        var foldTime = Duration.zero
        var finishTime = Duration.zero
        var trades: Int64 = 0
        var tracker = WatermarkTracker(inputs: [.init(delayMs: 5_000)])
        for first in stride(from: 0, to: ticks, by: blockRows) {
            let count = min(blockRows, ticks - first)
            let batch = Self.ticks(first, count, symbols, &random)
            let block = InputBlock(batch: batch, firstSequence: Int64(first))
            let batchTimes = batchContext(
                lateMs: tracker.watermarkMs, watermarkMs: tracker.watermarkMs)
            var output = OutputRows()
            var prepared: PreparedBlock?
            prepareTime += try Self.cpuTime {
                prepared = try query.prepare(block, port: 0, batchTimes)
            }
            guard let prepared else { continue }
            foldTime += try Self.cpuTime {
                try query.fold(prepared, port: 0, batchTimes, into: &output)
            }
            var statistics = EventTimeStatistics()
            statistics.add(batch.columns[1])
            finishTime += try Self.cpuTime {
                try query.finish(batchTimes, into: &output)
                if !test.window.isEmpty { trades += Self.trades(output) }
                query.table.markCommitted()
            }
            tracker.endBatch([statistics])
        }
        if !test.window.isEmpty {
            var rest = OutputRows()
            try query.finish(batchContext(lateMs: 0, watermarkMs: .max / 1_000), into: &rest)
            trades += Self.trades(rest)
            #expect(trades >= Int64(ticks))
        }
        let nanos = { (time: Duration) in
            let value =
                Double(time.components.attoseconds) / 1e9 / Double(ticks)
                + Double(time.components.seconds) * 1e9 / Double(ticks)
            return String(Int(value * 100)).padded()
        }
        print(
            "\(test.name): prepare \(nanos(prepareTime)), fold \(nanos(foldTime)), finish "
                + "\(nanos(finishTime)) ns a row")
    }

    /// The processor time of this thread that `body` takes: other processes do not count.
    private static func cpuTime(_ body: () throws -> Void) rethrows -> Duration {
        func now() -> Duration {
            var time = timespec()
            unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
        let start = now()
        try body()
        return now() - start
    }

    private static func trades(_ output: OutputRows) -> Int64 {
        output.blocks.reduce(0) { sum, block in
            let column = block.batch.columns[7]
            return (0..<column.count).reduce(sum) { $0 + column.int64s[$1] }
        }
    }

    /// One tick a millisecond, up to 100 ms out of order.
    private static func ticks(
        _ first: Int, _ count: Int, _ symbols: StringDictionary, _ random: inout SeededGenerator
    ) -> RecordBatch {
        var noise = random
        defer { random = noise }
        let codes = Buffer(of: Int32.self, count: count) { output in
            for _ in 0..<count {
                output.append(Int32(noise.next() % UInt64(symbols.count)))
            }
        }
        let times = Buffer(of: Int64.self, count: count) { output in
            for row in 0..<count {
                output.append(Int64(first + row) * 1_000 - Int64(noise.next() % 100_000) + 100_000)
            }
        }
        let prices = Buffer(of: Double.self, count: count) { output in
            for _ in 0..<count { output.append(100 + Double(noise.next() % 1_000) / 100) }
        }
        let volumes = Buffer(of: Int64.self, count: count) { output in
            for _ in 0..<count { output.append(1 + Int64(noise.next() % 500)) }
        }
        // Safe: every code is below the dictionary's count.
        let symbolColumn = unsafe Column(
            uncheckedCodes: codes, dictionary: symbols, count: count)
        return RecordBatch(
            input,
            [
                symbolColumn, Column(.timestamp, values: times, count: count),
                Column(.double, values: prices, count: count),
                Column(.long, values: volumes, count: count),
            ], count: count)
    }
}

extension String {
    /// Hundredths as a number with two decimals.
    fileprivate func padded() -> String {
        let digits = String(repeating: "0", count: max(0, 3 - count)) + self
        return "\(digits.dropLast(2)).\(digits.suffix(2))"
    }
}
