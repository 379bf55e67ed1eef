import Columnar
import Connectors
import Lake
import Storage
import TickLog

/// Opens a log for appending a feed's rows; makes the log when there is none.
func openLogWriter(_ path: Path, for feed: any Feed) throws -> TickLogWriter {
    do throws(TickLogError) {
        try TickLogWriter.create(
            path, schema: feed.schema, timeColumn: feed.timeColumn, machineFiles)
    } catch {
        guard error.code == .alreadyExists || error.code == .locked else { throw error }
    }
    return try TickLogWriter(path, machineFiles)
}

/// The table that a feed's rows go to when they do not parse.
///
/// It belongs to the log that the other rows go to. A publication is named by the number of its
/// first row, so that one repeated after a crash takes the place of the one before.
struct RejectsTable {
    private let path: String
    private let log: TickLogWriter

    /// The table in a folder, which is made with the first row that does not parse.
    init(path: String, of log: TickLogWriter) {
        self.path = path
        self.log = log
    }

    /// Makes rows that did not parse durable.
    func publish(_ rejected: RejectedRows) throws {
        let table = try LakeTable(
            Path(path), machineFiles, owner: TableOwner(checkpointID: log.uuid, query: "rejects"),
            schema: rejected.rows.schema)
        let staged = try table.stage(batch: rejected.firstNumber, rows: rejected.rows)
        try table.publish(staged, isRerun: true)
    }
}
