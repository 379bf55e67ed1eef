import CommandLine
import ConnectorAPI
import Feeds
import Storage
import TickLog

/// Opens a log for appending a feed's rows; makes the log when there is none.
func openLogWriter(_ path: Path, for feed: any Feed) throws -> TickLogWriter {
    do throws(TickLogError) {
        try TickLogWriter.create(
            path, schema: feed.schema, timeColumn: feed.eventTime, machineFiles)
    } catch {
        guard error.code == .alreadyExists || error.code == .locked else { throw error }
    }
    return try TickLogWriter(path, machineFiles)
}

/// How many gaps a feed had, in words.
func gapsText(_ report: FeedReport) -> String {
    "rows may be missing at \(counted(report.gaps, "place")) (gaps)"
}
