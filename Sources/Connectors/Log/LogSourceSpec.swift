import Checkpoints
import Columnar
import ConnectorAPI
import Settings
import Storage
import TickLog

/// History that is read before a log.
struct Backfill: Sendable {
    let history: any SourceSpec
    /// The event time, µs, from which on rows are the log's.
    let untilMicros: Int64
}

/// A tick log that a job reads, and what it reads before it.
struct LogSourceSpec: SourceSpec {
    static let word = "log"
    private static let appendDelayMicrosMax: Int64 = 1_000_000

    let path: String
    let startingOffsets: StartingOffsets
    let rowsPerBatchMax: Int64?
    let declared: SourceColumns.Declared
    let logWriting: LogWriting
    let backfill: Backfill?

    var reads: [OwnedPlace] {
        let history = backfill?.history.reads ?? []
        return [.directory(path, role: "the log")]
            + history.map {
                OwnedPlace($0.place, at: .here["backfill"] + $0.setting, role: "the history")
            }
    }

    var declaresColumns: Bool { declared.isGiven }
    var declaredColumns: SourceColumns? {
        declared.schema.map { SourceColumns(schema: $0, timeColumn: nil) }
    }
    var tickLog: String? { path }
    var canBeLive: Bool { backfill == nil }

    var summary: String {
        let limit = rowsPerBatchMax.map { "at most \(counted($0, "row")) a batch" }
        let start =
            switch startingOffsets {
            case .earliest, .sourceDecides: "from the earliest row"
            case .latest: "from the latest row"
            case .at(let offsets): "from offset \(offsets.only.map(groupedCount) ?? offsets.text)"
            case .time(let time): "from \(formatTimestamp(micros: time.micros))"
            }
        let log = "\(Self.word) \(path), \(start), \(limit ?? "no limit on a batch")"
        guard let backfill else { return log }
        let until = formatTimestamp(micros: backfill.untilMicros)
        return "\(backfill.history.summary), until \(until); then \(log)"
    }

    var exported: ExportedSource {
        ExportedSource(
            .tickLog(path: path),
            refusals: backfill == nil
                ? []
                : [
                    "Spark has no hand-over from files to a stream; leave `backfill` out, or read "
                        + "the history into the log"
                ])
    }

    func check(_ faults: inout SettingFaults) {
        declared.check(&faults)
        if logWriting.appendDelayMicros > Self.appendDelayMicrosMax {
            faults.note(
                .badValue,
                "Rows are not seen before they are appended; let them wait for at most 1 second.",
                at: .here["maxAppendDelay"])
        }
        if let backfill { faults.inside(.here["backfill"]) { backfill.history.check(&$0) } }
    }

    func open(_ place: SourcePlace) throws(ConnectorError) -> any Source {
        try connectorErrors {
            try TickLogWriter.mend(Path(path), place.files)
            let log = try TickLogReader(Path(path), place.files)
            let live = LogSource(log, time: place.time)
            guard let backfill else { return live }
            var history = place
            history.columns = log.schema
            return try BackfilledSource(
                history: backfill.history.open(history), live: live,
                untilMicros: backfill.untilMicros, timeColumn: log.timeColumn,
                checkpoint: place.checkpoint, name: place.name, files: place.files,
                keepsFindings: place.keepsFindings)
        }
    }

    func status(_ place: SourcePlace) throws(ConnectorError) -> SourceStatus {
        try connectorErrors {
            try TickLogWriter.mend(Path(path), place.files)
            let log = try TickLogReader(Path(path), place.files)
            var offsets = log.startOffset..<log.endOffset
            let record = BackfillBoundaryRecord(
                checkpoint: place.checkpoint, source: place.name, files: place.files)
            if backfill != nil, let boundary = try record.read() {
                offsets = 0..<boundary.offset(ofLog: log.endOffset)
            }
            let writer = try place.files.lockHolder(log.path.appending("LOCK"))
            return SourceStatus(Self.word, rows: offsets, writer: writer)
        }
    }
}
