import ArrowConnector
import Columnar
import ConnectorAPI
import Decoding
import JSON
import Settings
import SimulatorConnector
import Storage
import TestSupport
import Testing
import TextConnector

/// Every feed keeps the contract, and whoever breaks a clause is found out.
@Suite struct FeedContractTests {
    private static let columns = [
        FeedColumn("t", .timestamp), FeedColumn("p", .double),
    ]

    private func machine(_ contents: [String: [UInt8]]) throws -> SimulatedFileSystem {
        let files = SimulatedFileSystem()
        for (name, bytes) in contents {
            try files.createAtomically(Path(name), mode: .createNew, contents: bytes)
        }
        return files
    }

    @Test func textFeedsKeepTheContract() throws {
        var (csv, json) = ("t,p\n", "")
        for row in 0..<40 {
            csv += row % 7 == 3 ? "bad \(row)\n" : "1970-01-01 00:00:\(10 + row),\(row)\n"
            json +=
                row % 7 == 3
                ? "bad \(row)\n" : "{\"t\":\"1970-01-01 00:00:\(10 + row)\",\"p\":\(row)}\n"
        }
        // The second file's last line has no line end.
        let files = try machine([
            "a.csv": Array(csv.utf8), "b.csv": Array(csv.dropLast().utf8),
            "a.json": Array(json.utf8), "b.json": Array(json.dropLast().utf8),
        ])
        let csvViolations = try FeedContract(rowsMax: 6) { time in
            var spec = CSVSpec(FeedInput(["?.csv"]), columns: Self.columns, eventTime: "t")
            spec.input.rejectsMaxShare = 1
            return try CSVFeed(spec, files: files, time: time, readBytes: 16)
        }.violations()
        #expect(csvViolations == [])
        let jsonViolations = try FeedContract(rowsMax: 6) { time in
            var spec = JSONLinesSpec(FeedInput(["?.json"]), columns: Self.columns, eventTime: "t")
            spec.input.rejectsMaxShare = 1
            return try JSONLinesFeed(spec, files: files, time: time, readBytes: 16)
        }.violations()
        #expect(jsonViolations == [])
    }

    @Test func simulatorKeepsTheContract() throws {
        var spec = SimulatorSpec()
        spec.ticks = 200
        spec.ticksPerSecond = 50
        let violations = try FeedContract(rowsMax: 30) { try SimulatorFeed(spec, time: $0) }
            .violations()
        #expect(violations == [])
    }

    @Test func arrowKeepsTheContract() throws {
        let schema = Schema([
            Field("t", .timestamp, isNullable: false), Field("p", .double),
        ])
        let writer = ArrowStreamWriter(schema)
        var bytes = writer.encodeSchema().bytes
        for batch in 0..<4 {
            let rows = (0..<5).map { row -> [Value] in
                [.timestamp(Int64(batch * 5 + row)), .double(Double(row))]
            }
            bytes += writer.encode(RecordBatch(schema, rows: rows)).bytes
        }
        let files = try machine(["a.arrows": bytes, "b.arrows": bytes])
        let spec = arrowFeed.read(
            SettingsReader(defaultsOf: arrowFeed.shape, ["paths": ["a.arrows", "b.arrows"]]))
        let violations = try FeedContract(rowsMax: 2) { _ in
            try spec.make(FeedPlace(files: files))
        }.violations()
        #expect(violations == [])
    }

    private static let script: [ScriptedFeed.Event] = [
        .rows(5), .malformed(2), .rows(4), .gap(FeedGap("sequence")), .silence(ms: 20),
        .malformed(1), .rows(3), .gap(FeedGap("sequence")), .rows(3),
    ]

    @Test func aScriptKeepsTheContract() throws {
        for pace in [nil, 100.0] {
            for end in [[], [ScriptedFeed.Event.hangs]] {
                let violations = try FeedContract(rowsMax: 2) { time in
                    ScriptedFeed(Self.script.filter(\.isAtOnce) + end, time: time, pace: pace)
                }.violations()
                #expect(violations == [])
            }
        }
    }

    /// What a feed may do wrong, one thing a clause.
    private enum Fault: String, CaseIterable, Sendable {
        case repeatsARow, losesARow, numbersFromZero, numbersWithAHole, ignoresInterrupts
        case skipsAfterAFault, hurries

        var clause: FeedContract.Violation.Clause {
            switch self {
            case .repeatsARow, .losesARow: .resume
            case .numbersFromZero, .numbersWithAHole: .numbers
            case .ignoresInterrupts: .interrupt
            case .skipsAfterAFault: .retry
            case .hurries: .pace
            }
        }
    }

    @Test(arguments: Fault.allCases.map(\.rawValue))
    func aBrokenClauseIsFound(name: String) throws {
        let fault = try #require(Fault(rawValue: name))
        let script = Self.script.filter(\.isAtOnce)
        let end: [ScriptedFeed.Event] = fault == .ignoresInterrupts ? [.hangs] : []
        let pace: Double? = fault == .hurries ? 100 : nil
        let violations = try FeedContract(rowsMax: 2, promptMs: 100) { time -> any Feed in
            BrokenFeed(ScriptedFeed(script + end, time: time, pace: pace), fault, time)
        }.violations()
        #expect(violations.map(\.clause).contains(fault.clause), "\(violations)")
    }

    /// A feed that does one thing wrong.
    private final class BrokenFeed: Feed {
        private let feed: ScriptedFeed
        private let fault: Fault
        private let time: any TimeSource
        private var isResumed = false
        private var calls = 0

        init(_ feed: ScriptedFeed, _ fault: Fault, _ time: any TimeSource) {
            (self.feed, self.fault, self.time) = (feed, fault, time)
        }

        var schema: Schema { feed.schema }
        var eventTime: String { feed.eventTime }
        var replay: Replay { feed.replay }
        var pace: Double? { feed.pace }
        var interrupt: @Sendable () -> Void {
            if fault == .ignoresInterrupts { return {} }
            return feed.interrupt
        }

        func resume(from position: FeedPosition) throws(ConnectorError) {
            var numbers = position.text.split(separator: " ").map { Int64($0) ?? 0 }
            if fault == .losesARow, numbers[1] > 0 { numbers[1] += 1 }
            if fault == .repeatsARow, numbers[2] > 0 { numbers[2] -= 1 }
            if fault == .numbersFromZero { numbers[3] = 0 }
            try feed.resume(
                from: FeedPosition(numbers.map { "\($0)" }.joined(separator: " ")))
        }

        func next(
            rowsMax: Int, until deadline: MonotonicTime
        ) throws(ConnectorError) -> FeedStep {
            calls += 1
            if fault == .ignoresInterrupts, deadline == .distantFuture {
                time.sleep(nanos: 500_000_000)
                return .idle(until: nil)
            }
            // Asked again and again after faults it has been called as often as there were any.
            if fault == .skipsAfterAFault, time.monotonicNanos() > 2_000_000_000 {
                _ = try feed.next(rowsMax: rowsMax, until: deadline)
            }
            let most = fault == .hurries ? 1_000 : rowsMax
            let step = try feed.next(rowsMax: most, until: deadline)
            guard fault == .numbersWithAHole, case .rows(let batch) = step,
                batch.malformedBefore > 0
            else { return step }
            return .rows(
                FeedBatch(
                    rows: batch.rows, position: batch.position, malformed: batch.malformed,
                    malformedBefore: batch.malformedBefore + 1, gaps: batch.gaps,
                    gapsBefore: batch.gapsBefore))
        }
    }
}

extension ScriptedFeed.Event {
    /// Whether it takes no time.
    fileprivate var isAtOnce: Bool {
        if case .silence = self { false } else { true }
    }
}
