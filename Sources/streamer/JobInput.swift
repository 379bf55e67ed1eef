import Columnar
import ConnectorAPI
import Connectors
import FileSources
import Jobs
import LogConnector
import Storage
import TickLog

/// What a source of a job is read from.
enum JobInput: Sendable {
    /// A tick log, and before it a directory of history where the job has one.
    case log(TickLogReader, BackfilledSource?)
    /// A directory of files.
    case files(FileSource)

    /// Opens what a source names.
    ///
    /// - Parameters:
    ///   - source: the source.
    ///   - checkpoint: the job's checkpoint, where the files of a directory are listed.
    /// - Throws: when there is none, or its columns do not fit.
    init(_ source: SourceSpec, checkpoint: Path) throws {
        func open(_ spec: FileSourceSpec, _ schema: Schema?) throws -> FileSource {
            try FileSource(
                spec, schema: schema, timeColumn: source.declaredColumns?.timeColumn,
                checkpoint: checkpoint, name: source.name, files: machineFiles,
                time: SystemTime())
        }
        if let files = source.files {
            self = .files(try open(files, source.schema))
            return
        }
        let log = try openLog(at: Path(source.path))
        let backfilled = try source.backfill.map { backfill in
            try BackfilledSource(
                history: open(backfill.history, log.schema),
                live: LogSource(log, time: SystemTime()), untilMicros: backfill.untilMicros,
                timeColumn: log.timeColumn,
                checkpoint: checkpoint, name: source.name, files: machineFiles)
        }
        self = .log(log, backfilled)
    }

    /// The rows.
    var stream: any Source {
        switch self {
        case .log(let log, let backfilled): backfilled ?? LogSource(log, time: SystemTime())
        case .files(let source): source
        }
    }

    /// The columns of the rows, and which of them is the event time.
    var columns: SourceColumns { stream.columns }

    /// The log, if it is one.
    var log: TickLogReader? {
        if case .log(let log, _) = self { log } else { nil }
    }
}
