import Columnar
import ConnectorAPI
import Storage
import TickLog

/// The logs that were made for a job's feeds to fill.
struct MadeLogs: Sendable {
    private var logs: [(path: Path, directories: [Path])] = []

    /// Makes a log of a feed's columns, unless there is one.
    mutating func make(_ path: Path, _ columns: SourceColumns) throws {
        guard let time = columns.timeColumn else { preconditionFailure("a feed has an event time") }
        let missing = try machineFiles.missingDirectories(path)
        do throws(TickLogError) {
            try TickLogWriter.create(
                path, schema: columns.schema, timeColumn: time, machineFiles)
            logs.append((path, missing))
        } catch {
            guard error.code == .alreadyExists || error.code == .locked else { throw error }
        }
    }

    /// Removes those that hold no row: the job could not begin.
    func takeAway() {
        for log in logs.reversed() {
            TickLogWriter.removeEmpty(log.path, directories: log.directories, machineFiles)
        }
    }
}
