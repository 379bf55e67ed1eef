import Checkpoints
import ConnectorAPI
import Storage
import Synchronization

/// Lets sinks keep small what they wrote, beside the batches.
///
/// That is done by a thread that gives way to all others; in an engine of one thread, between the
/// batches. A fault is told and its work tried again later; only a failed sync ends the run.
final class SinkMaintenance: Sendable {
    private struct State {
        var moment: CheckpointMoment?
        /// A failed sync, after which nothing is written any more.
        var failure: ConnectorError?
        /// Until when nothing is tried, after a fault.
        var pausedUntil = MonotonicTime(nanos: 0)
        var lastNotice: String?
    }

    private let sinks: [any Sink]
    private let time: any TimeSource
    private let notice: @Sendable (String) -> Void
    private let isThreaded: Bool
    private let state = Mutex(State())
    private let thread = Mutex<MaintenanceThread?>(nil)

    init(
        _ sinks: [any Sink], threads: Int, _ time: any TimeSource,
        notice: @escaping @Sendable (String) -> Void
    ) {
        self.sinks = sinks.filter(\.isMaintained)
        self.time = time
        self.notice = notice
        isThreaded = threads > 1
    }

    /// Takes in how far the checkpoint is: when a run begins, and after each commit.
    ///
    /// - Throws: what ends the run.
    func note(_ moment: CheckpointMoment) throws {
        guard !sinks.isEmpty else { return }
        state.withLock { $0.moment = moment }
        try check()
        if isThreaded {
            startThread()
        } else if state.withLock({ $0.pausedUntil <= time.now }) {
            workBetweenBatches()
            try check()
        }
    }

    /// Throws the fault that ends the run, if there was one.
    func check() throws {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Does what is still due when a run has come to its end: the next may be as short.
    func finish() {
        guard !sinks.isEmpty else { return }
        stop()
        if state.withLock({ $0.failure }) == nil { workBetweenBatches() }
    }

    /// Ends the thread, if there is one.
    func stop() { thread.withLock { $0.take() }?.stop() }

    private func startThread() {
        thread.withLock { thread in
            guard thread == nil else { return }
            let begun = MaintenanceThread(time: time, say: notice) { { _ in try self.look() } }
            begun.start(orElse: "tables are not compacted")
            thread = begun
        }
    }

    private func workBetweenBatches() {
        do {
            while try round() {}
        } catch {
            let text = "\(error)"
            let isNew = state.withLock { state in
                state.pausedUntil = time.now.advanced(byNanos: MaintenanceThread.faultNanos)
                defer { state.lastNotice = text }
                return state.lastNotice != text
            }
            if isNew { notice(text) }
        }
    }

    /// A round of the thread.
    private func look() throws -> MaintenanceRound {
        if try round() { return .worked }
        return state.withLock { $0.failure } == nil ? .idle : .finished
    }

    /// One piece of work of every sink; whether there was any.
    private func round() throws -> Bool {
        guard let moment = state.withLock({ $0.moment }) else { return false }
        var hasWorked = false
        for sink in sinks {
            do throws(ConnectorError) {
                if try sink.maintain(moment) { hasWorked = true }
            } catch {
                guard error.isFailedSync else {
                    throw MaintenanceFault(sink: sink.description, fault: error)
                }
                state.withLock { $0.failure = error }
                return false
            }
        }
        return hasWorked
    }
}

/// Why a sink could not be maintained.
private struct MaintenanceFault: Error, CustomStringConvertible {
    let sink: String
    let fault: ConnectorError

    var description: String { "\(sink) is not compacted now: \(fault); it is tried again" }
}
