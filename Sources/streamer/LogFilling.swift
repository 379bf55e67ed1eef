import Columnar
import ConnectorAPI
import Feeds
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
/// All feeds may share one: a row says which feed it is of. A publication is named by the feed
/// and the number of its first row, so that one repeated after a crash takes the place of the one
/// before, and no other.
struct RejectsTable {
    private let path: String

    /// The table in a folder, which is made with the first row that does not parse.
    init(path: String) { self.path = path }

    /// Makes rows that did not parse durable.
    func publish(_ rejected: RejectedRows) throws {
        let table = try LakeTable(
            Path(path), machineFiles, owner: TableOwner(checkpointID: "feeds", query: "rejects"),
            schema: rejected.rows.schema)
        // 31 bits of the feed's hash, then 32 of the number.
        let feed = Checksum.xxh3(Array(rejected.feed.utf8)) >> 33
        let number = UInt64(bitPattern: rejected.firstNumber) & 0xFFFF_FFFF
        let staged = try table.stage(batch: Int64(feed << 32 | number), rows: rejected.rows)
        try table.publish(staged, isRerun: true)
    }
}
