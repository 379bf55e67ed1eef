public import ConnectorAPI
public import Storage
public import TickLog

/// Opens a log for appending a feed's rows; makes the log when there is none.
///
/// - Parameters:
///   - path: the log's directory.
///   - feed: the feed, whose columns a new log gets.
///   - options: how it lays the log out.
///   - files: where the log lies.
/// - Returns: the log.
/// - Throws: when it is damaged, or somebody else has it open.
public func openLogWriter(
    _ path: Path, for feed: any Feed, options: TickLogOptions = TickLogOptions(),
    _ files: any FileSystem
) throws -> TickLogWriter {
    do throws(TickLogError) {
        try TickLogWriter.create(path, schema: feed.schema, timeColumn: feed.eventTime, files)
    } catch {
        guard error.code == .alreadyExists || error.code == .locked else { throw error }
    }
    return try TickLogWriter(path, options: options, files)
}
