import ConnectorAPI
public import Storage
public import TickLog

/// Keeps a log small beside its appends: folds full journals, compresses sealed segments, and
/// carries out the log's retention.
///
/// What fails for want of space leaves the files as they were and is tried again.
public final class LogMaintenance: Sendable {
    /// What a log's checkpoints still need of it: the lowest offset, and whose it is.
    public typealias Needed = @Sendable () throws -> LogNeed?

    private let thread: MaintenanceThread

    /// How often retention is looked at.
    private static let retentionNanos: UInt64 = 2_000_000_000
    /// With more full journals than this it does not rest: appends would have to wait.
    private static let journalsAtRest = 1

    /// The maintenance of an open log, which has not begun.
    ///
    /// - Parameters:
    ///   - writer: the log; its options say that it is maintained.
    ///   - time: the clocks.
    ///   - needed: what its checkpoints still have to read.
    public init(
        _ writer: TickLogWriter, time: any TimeSource = SystemTime(), needed: @escaping Needed
    ) {
        thread = MaintenanceThread(time: time) {
            var retention = RetentionRun(writer, time: time, needed: needed)
            var nextRetention = time.now
            return { thread in
                do {
                    var worked = try writer.foldNext()
                    if time.now >= nextRetention {
                        nextRetention = time.now.advanced(byNanos: Self.retentionNanos)
                        if let notice = try retention.run() { thread.note(notice) }
                    }
                    if !worked { worked = try writer.compressNext(pause: thread.pause) }
                    if writer.fullJournals > Self.journalsAtRest { return .pressing }
                    return worked ? .worked : .idle
                } catch let error as TickLogError where error.code == .writerFailed {
                    return .finished
                }
            }
        }
    }

    /// Begins.
    ///
    /// Where the system gives no thread, the log is not maintained beside the appends, which
    /// then wait for the folding of journals.
    public func start() { thread.start(orElse: "the log is not compressed") }

    /// Ends it, and says what went wrong.
    public func stop() -> [String] { thread.stop() }
}
