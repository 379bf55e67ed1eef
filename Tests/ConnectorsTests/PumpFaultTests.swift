import Columnar
import ConnectorAPI
import Dispatch
import Feeds
import Lake
import Storage
import Synchronization
import TestSupport
import Testing
import TickLog

/// A pump over a feed that behaves as a peer on a network does, on a clock that a test moves.
@Suite struct PumpFaultTests {
    /// A machine with a log, and the tables that the pump fills.
    private final class Place {
        let files = SimulatedFileSystem()
        let time = ManualTime()
        let log: Path
        var published: [SideRows] = []

        init() throws {
            log = try Path("log/scripted")
            let feed = ScriptedFeed([], time: time)
            try TickLogWriter.create(log, schema: feed.schema, timeColumn: "t", files)
        }

        func feed(
            _ script: [ScriptedFeed.Event],
            replay: Replay = .from(FeedIdentity("scripted", [])), pace: Double? = nil
        ) -> ScriptedFeed {
            ScriptedFeed(script, time: time, replay: replay, pace: pace)
        }

        /// Runs a pump to its end, or until it is to stop.
        @discardableResult
        func pump(
            _ feed: any Feed, _ configure: (inout FeedPump.Options) -> Void = { _ in },
            until shouldStop: () -> Bool = { false },
            onBatch: (FeedReport) -> Void = { _ in }
        ) throws -> FeedReport {
            let writer = try TickLogWriter(log, files, time: time)
            defer { try? writer.close() }
            var options = FeedPump.Options()
            options.backoff.jitter = 0
            configure(&options)
            let pump = try FeedPump(feed, into: writer, options: options, time: time) {
                self.published.append($0)
            }
            return try pump.run(until: shouldStop, onBatch: onBatch)
        }

        var ids: [Int64] {
            get throws {
                let reader = try TickLogReader(log, files)
                let blocks = try reader.read(reader.startOffset..<reader.endOffset)
                return blocks.flatMap { $0.batch.rows }.compactMap { row in
                    if case .long(let id) = row[0] { id } else { nil }
                }
            }
        }

        var milliseconds: UInt64 { time.monotonicNanos() / 1_000_000 }
    }

    private func fault(_ retry: ConnectorError.Retry) -> ConnectorError {
        ConnectorError("dropped", "the peer went away", retry: retry)
    }

    /// The first retry comes at once, later ones after 1, 2, 4, … seconds, at most 60.
    @Test func retriesWaitLongerAndLonger() throws {
        let place = try Place()
        let script = [ScriptedFeed.Event.rows(3)] + Array(repeating: .fault(fault(.now)), count: 9)
        var times: [UInt64] = []
        let report = try place.pump(
            place.feed(script + [.rows(2)]),
            onBatch: { report in
                if report.retries > times.count { times.append(place.milliseconds / 1_000) }
            })
        #expect(times == [0, 1, 3, 7, 15, 31, 63, 123, 183])
        #expect(report.retries == 9 && report.reachedEnd)
        #expect(report.lastFault == "the peer went away")
        #expect(try place.ids == [0, 1, 2, 3, 4])
    }

    /// A peer that says when it wants to be asked again is not asked before.
    @Test func thePeersOwnWaitIsKept() throws {
        let place = try Place()
        try place.pump(place.feed([.fault(fault(.after(milliseconds: 17_000))), .rows(1)]))
        #expect(place.milliseconds >= 17_000 && place.milliseconds < 18_000)
    }

    /// A peer that accepts and drops is not healthy again; one that gave rows for ten seconds is.
    @Test func healthResetsTheWait() throws {
        let dropping = try Place()
        try dropping.pump(
            dropping.feed(
                [.fault(fault(.now)), .rows(1), .fault(fault(.now)), .rows(1), .fault(fault(.now))])
        )
        #expect(dropping.milliseconds >= 3_000)

        let healthy = try Place()
        try healthy.pump(
            healthy.feed(
                [
                    .fault(fault(.now)), .rows(1), .silence(ms: 10_000), .rows(1),
                    .fault(fault(.now)), .rows(1),
                ]))
        #expect(healthy.milliseconds < 10_500)
        #expect(try healthy.ids == [0, 1, 2])
    }

    @Test func faultsThatStayEndTheRun() throws {
        let place = try Place()
        let feed = place.feed([.rows(2), .fault(fault(.never)), .rows(2)])
        let error = #expect(throws: ConnectorError.self) { try place.pump(feed) }
        #expect(error?.code == "dropped")
        // What came before is durable.
        #expect(try place.ids == [0, 1])

        let limited = try Place()
        let many = Array(repeating: ScriptedFeed.Event.fault(fault(.now)), count: 4)
        #expect(throws: ConnectorError.self) {
            try limited.pump(limited.feed(many)) { $0.backoff.faultsMax = 3 }
        }
    }

    /// Jitter shortens waits, by as much as chance says.
    @Test func jitterShortensWaits() throws {
        let place = try Place()
        let script = Array(repeating: ScriptedFeed.Event.fault(fault(.now)), count: 3)
        try place.pump(place.feed(script)) {
            $0.backoff.jitter = 0.5
            $0.backoff.random = { 0.5 }
        }
        #expect(place.milliseconds == 750 + 1_500)
    }

    /// A stop ends the wait for the next try at once, and so it ends a silence.
    @Test func aStopEndsWaits() throws {
        for script in [
            [ScriptedFeed.Event.fault(fault(.now)), .fault(fault(.after(milliseconds: 1 << 40)))],
            [.hangs], [.silence(ms: 1 << 40)],
        ] {
            let place = try Place()
            let isAsked = Atomic<Bool>(false)
            place.time.after(ms: 5_000) { isAsked.store(true, ordering: .relaxed) }
            try place.pump(
                place.feed([.rows(1)] + script), until: { isAsked.load(ordering: .relaxed) })
            #expect(place.milliseconds >= 5_000 && place.milliseconds < 5_200)
            #expect(try place.ids == [0])
        }
    }

    /// `stop()` from another thread, on the machine's clock, ends a wait of hours.
    @Test func stopComesFromAnyThread() throws {
        let place = try Place()
        let writer = try TickLogWriter(place.log, place.files)
        let feed = ScriptedFeed([.rows(1), .hangs], time: SystemTime())
        let pump = try FeedPump(feed, into: writer) { _ in }
        let stop = pump.stopping
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) { stop() }
        let start = SystemTime().monotonicNanos()
        let report = try pump.run()
        #expect(SystemTime().monotonicNanos() - start < 2_000_000_000)
        #expect(report.rows == 1 && !report.reachedEnd)
        try writer.close()
    }

    /// Rows before a silence are seen while it lasts.
    @Test func rowsAreDurableDuringASilence() throws {
        let place = try Place()
        let files = place.files
        let log = place.log
        let seen = Mutex<Int64>(-1)
        place.time.after(ms: 100) {
            let end = try? TickLogReader(log, files).endOffset
            seen.withLock { $0 = end ?? -2 }
        }
        try place.pump(place.feed([.rows(3), .silence(ms: 10_000), .rows(1)]))
        #expect(seen.withLock { $0 } == 3)
        #expect(try place.ids == [0, 1, 2, 3])
    }

    /// A peer is asked no faster than the pace of its rows.
    @Test func thePaceHolds() throws {
        let place = try Place()
        let feed = place.feed([.rows(500), .fault(fault(.now)), .rows(500)], pace: 100)
        try place.pump(feed)
        #expect(place.milliseconds >= 9_900 && place.milliseconds < 10_500)
        #expect(try place.ids == Array(0..<1_000))
    }

    /// Gaps and malformed records are numbered from the feed's start, also behind a restart.
    @Test func gapsAreCountedAndNamed() throws {
        var gap = FeedGap("reconnect")
        (gap.connection, gap.symbol, gap.missing) = (2, "IBM", 17)
        gap.from = EventTime(micros: 1)
        let script: [ScriptedFeed.Event] = [
            .rows(2), .gap(gap), .malformed(2), .rows(1), .gap(FeedGap("sequence")), .rows(1),
        ]
        let place = try Place()
        var batches = 0
        let first = try place.pump(
            place.feed(script),
            until: {
                batches += 1
                return batches > 3
            })
        #expect(first.gaps == 1 && first.malformed == 2)
        let second = try place.pump(place.feed(script))
        #expect(second.gaps == 1 && second.malformed == 0)
        #expect(try place.ids == [0, 1, 2, 3])
        #expect(place.published.map(\.kind) == [.gaps, .malformed, .gaps])
        #expect(place.published.map(\.firstNumber) == [0, 0, 1])
        let row = try #require(place.published.first?.rows.rows.first)
        let feed = FeedIdentity("scripted", []).text
        #expect(
            row == [
                .string(feed), .long(0), .string("reconnect"), .long(2), .string("IBM"), .null,
                .null, .long(17), .timestamp(1), .null, .string(""),
            ])
    }

    /// A position without rows is kept: what gave none is not read again.
    @Test func positionsWithoutRowsAreKept() throws {
        let script: [ScriptedFeed.Event] = [.rows(2), .malformed(3), .progress]
        let place = try Place()
        #expect(try place.pump(place.feed(script)).malformed == 3)
        for _ in 0..<2 {
            let again = place.feed(script)
            let report = try place.pump(again)
            #expect(report.malformed == 0 && report.rows == 0 && report.reachedEnd)
            #expect(report.resumedFrom == "3 0 2 3 0")
        }
        // A feed that never gave a row.
        let other = FeedIdentity("scripted", ["other"])
        #expect(try place.pump(place.feed([.malformed(1)], replay: .from(other))).malformed == 1)
        #expect(try place.pump(place.feed([.malformed(1)], replay: .from(other))).malformed == 0)
        // Rows are newer than it.
        #expect(try place.pump(place.feed(script + [.rows(1)])).rows == 1)
        #expect(try place.pump(place.feed(script + [.rows(1)])).resumedFrom == "4 0 3 3 0")
        // A file that does not verify says nothing.
        let positions = try place.log.appending("positions")
        try place.files.createAtomically(positions, mode: .replace, contents: Array("v1 x\n".utf8))
        #expect(try place.pump(place.feed([.malformed(1)], replay: .from(other))).malformed == 1)
    }

    /// A feed that never goes back keeps its position, one without a place does not.
    @Test func replayDecidesWhatIsKept() throws {
        let onward = Replay.onward(FeedIdentity("socket", []))
        let place = try Place()
        try place.pump(place.feed([.rows(2)], replay: onward))
        let report = try place.pump(place.feed([.rows(2), .rows(1)], replay: onward))
        #expect(report.resumedFrom == "1 0 2 0 0")
        #expect(try place.ids == [0, 1, 2])

        for _ in 0..<2 {
            let report = try place.pump(place.feed([.rows(1)], replay: .never))
            #expect(report.resumedFrom == nil && report.rows == 1)
        }
        #expect(try place.ids == [0, 1, 2, 0, 0])
    }

    /// Killed anywhere, the log and both tables have everything once.
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func everythingOnce(seed: UInt64) throws {
        let script: [ScriptedFeed.Event] = [
            .malformed(1), .rows(5), .gap(FeedGap("sequence")), .malformed(2), .rows(7),
            .gap(FeedGap("sequence")), .gap(FeedGap("sequence")), .progress, .rows(3),
            .malformed(1),
        ]
        let place = try Place()
        var random = TestRandom(state: seed)
        var isDone = false
        while !isDone {
            let writer = try TickLogWriter(place.log, place.files, time: place.time)
            let tables = try FeedTables(malformed: "lake/rejects", place.files)
            var options = FeedPump.Options()
            options.batchRowsMax = 1 + random.next(below: 4)
            var left = 1 + random.next(below: 6)
            let pump = try FeedPump(
                place.feed(script), into: writer, options: options, time: place.time
            ) {
                try tables.publish($0)
                left -= 1
                if left == 0 { throw ConnectorError("killed", "behind a publication") }
            }
            do {
                isDone = try pump.run(until: {
                    left -= 1
                    return left <= 0
                }).reachedEnd
            } catch is ConnectorError {}
            try writer.close()
        }
        #expect(try place.ids == Array(0..<15))
        for (table, count) in [("lake/rejects", 4), ("lake/gaps", 3)] {
            let rows = try LakeReader(Path(table), place.files).read()
            #expect(
                rows.rows.map { $0[1] }.sorted { "\($0)" < "\($1)" }
                    == (0..<count).map { .long(Int64($0)) })
        }
    }
}
