import Columnar
import ConnectorAPI
import Engine
import Feeds
import Jobs
import Lake
import LogConnector
import Settings
import Storage
import TestSupport
import TickLog

/// Runs a scenario's processes on a machine, as the command line would.
struct Processes {
    let scenario: Scenario
    let files: SimulatedFileSystem
    let time: JumpingTime

    /// One process, from its start to its end or its first error.
    ///
    /// The rows in `acknowledged` were durable for readers before: they must be there.
    func run(_ phase: Scenario.Phase, acknowledged: Int64) throws {
        switch phase {
        case .fill(let rows):
            try fill(rows: rows, scenario.jobs[0], acknowledged)
        case .run(let index, let until, let isLast):
            try run(index, until: until, isLast: isLast, acknowledged)
        case .tidy:
            try tidy(acknowledged)
        }
    }

    private func check(_ end: Int64, _ acknowledged: Int64) throws {
        guard end >= acknowledged else {
            throw Violation("\(acknowledged) rows were acknowledged, the log has \(end)")
        }
    }

    // MARK: The log

    private func openWriter(_ feed: any Feed) throws -> TickLogWriter {
        let path = try Path(Scenario.logPath)
        do throws(TickLogError) {
            try TickLogWriter.create(
                path, schema: feed.schema, timeColumn: feed.eventTime, files)
        } catch {
            guard error.code == .alreadyExists || error.code == .locked else { throw error }
        }
        return try writer()
    }

    private func writer() throws -> TickLogWriter {
        var options = TickLogOptions(
            segmentBytesMax: scenario.segmentBytesMax, groupRowsMax: 8)
        if scenario.usesJournals {
            var journal = JournalOptions()
            journal.rowsMax = 10
            options.journal = journal
        }
        return try TickLogWriter(Path(Scenario.logPath), options: options, files, time: time)
    }

    private func fill(rows: Int?, _ job: Job, _ acknowledged: Int64) throws {
        guard let spec = job.sources[0].feed else {
            preconditionFailure("the scenarios' jobs have feeds")
        }
        let feed = try spec.make(FeedPlace(files: files, time: time))
        let writer = try openWriter(feed)
        try check(writer.durableOffset, acknowledged)
        var options = FeedPump.Options()
        options.batchRowsMax = scenario.appendRowsMax
        let tables = try FeedTables(malformed: nil, files)
        let pump = try FeedPump(
            feed, into: writer, options: options, time: time, publish: tables.publish)
        try pump.run(until: { rows.map { writer.endOffset >= $0 } ?? false })
        try writer.close()
    }

    private func tidy(_ acknowledged: Int64) throws {
        let writer = try writer()
        try check(writer.durableOffset, acknowledged)
        try writer.seal()
        for base in try writer.sealedSegments().dropLast() {
            try writer.compress(segment: base, rowsMax: 1_024)
        }
        try LogRetention.store(LogRetention(bytes: 4_000), writer.path, files)
        let retention = try LogRetention.read(writer.path, files)
        try writer.retain(bytesMax: retention?.bytes, neededFrom: try needed())
        try writer.close()
    }

    /// The lowest offset that the jobs still need; none before the first run.
    private func needed() throws -> Int64 {
        guard case .run(_, nil, true)? = scenario.phases.dropLast().last else { return 0 }
        return try TickLogReader(Path(Scenario.logPath), files).endOffset
    }

    // MARK: Jobs

    private func run(_ index: Int, until: Int?, isLast: Bool, _ acknowledged: Int64) throws {
        let (job, plan) = (scenario.jobs[index], scenario.plans[index])
        TickLogWriter.mend(try Path(Scenario.logPath), files)
        let reader = try TickLogReader(Path(Scenario.logPath), files)
        try check(reader.endOffset, acknowledged)
        let files = files
        let sabotage = Sabotage(files.mutant)
        let spoilt = { @Sendable (sink: any Sink) -> any Sink in
            sabotage.map { SabotagedSink(sink, $0) as any Sink } ?? sink
        }
        var engineJob = EngineJob(
            job: job, plan: plan, threads: 1, environment: [:],
            run: SinkRun(files: files, time: time))
        let (openSinks, openSideTable) = (engineJob.openSinks, engineJob.openSideTable)
        engineJob.openSinks = { try openSinks($0, $1).map(spoilt) }
        engineJob.openSideTable = { spoilt(try openSideTable($0, $1)) }
        let engine = try MicroBatchEngine(
            job: engineJob, sources: [LogSource(reader, time: time)],
            checkpointPath: Path(job.checkpointLocation), files: files, time: time,
            observe: { _ in })
        defer { engine.close() }
        var limits = RunLimits()
        limits.untilOffsets = until.map { [SourceOffsets(only: Int64($0))] }
        limits.sourceIsComplete = isLast
        // Only a run that knows that nothing more comes closes windows before the idle timeout;
        // another one is stopped when it begins to wait for it.
        let sleeps = time.sleeps
        _ = try engine.run(trigger: job.trigger, limits: limits) { time.sleeps > sleeps }
    }
}

/// What must never be: the sweep's finding.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
