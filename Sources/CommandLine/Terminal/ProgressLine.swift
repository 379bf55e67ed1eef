import Columnar
public import Storage
import Synchronization

/// The line at the foot of a terminal that says how far a run is.
///
/// Where standard error is not a terminal it writes nothing.
public final class ProgressLine: Sendable {
    /// How far a run is.
    public struct State: Sendable {
        /// The last batch that was committed.
        public var batch: Int64
        /// Rows read since the run began.
        public var rows: Int64
        /// What is still to be read, in words, as far as is known.
        public var lag: String?
        /// How much was read, and how much is left, in one unit.
        public var toRead: (done: Int64, left: Int64)
        /// The watermark in milliseconds; 0 while there is none.
        public var watermarkMs: Int64

        /// A state of a run.
        public init(
            batch: Int64, rows: Int64, lag: String?, toRead: (done: Int64, left: Int64) = (0, 0),
            watermarkMs: Int64
        ) {
            self.batch = batch
            self.rows = rows
            self.lag = lag
            self.toRead = toRead
            self.watermarkMs = watermarkMs
        }
    }

    private struct Memory {
        var shownAtNanos: UInt64 = 0
        var isShown = false
    }

    private static let refreshNanos: UInt64 = 100_000_000

    private let console: Console
    private let time: any TimeSource
    private let startNanos: UInt64
    private let memory: Mutex<Memory>

    /// A line for a run that begins now.
    public init(console: Console, time: any TimeSource) {
        self.console = console
        self.time = time
        startNanos = time.monotonicNanos()
        memory = Mutex(Memory())
        guard console.messages.isTerminal else { return }
        console.setFoot { [weak self] in self?.clear() }
    }

    /// Shows a state, at most ten times a second.
    public func update(_ state: State) {
        show(progressText(state, elapsedNanos: time.monotonicNanos() - startNanos))
    }

    /// Shows a text, at most ten times a second.
    public func show(_ line: @autoclosure () -> String) {
        guard console.messages.isTerminal else { return }
        let now = time.monotonicNanos()
        memory.withLock { memory in
            guard !memory.isShown || now - memory.shownAtNanos >= Self.refreshNanos else { return }
            memory.shownAtNanos = now
            memory.isShown = true
            // To the line's start, the text without wrapping on a narrow terminal, then clear what
            // an earlier, longer text left.
            console.messages.write("\r\u{1B}[?7l" + line() + "\u{1B}[K\u{1B}[?7h")
        }
    }

    /// Takes the line away, before other messages and at the end.
    public func clear() {
        memory.withLock { memory in
            guard memory.isShown else { return }
            memory.isShown = false
            console.messages.write("\r\u{1B}[K")
        }
    }
}

/// A state in words: `batch 7 · 1,750,000 rows · 2.1 M rows/s · watermark … · lag … · ETA 1 s`.
func progressText(_ state: ProgressLine.State, elapsedNanos: UInt64) -> String {
    let seconds = Double(elapsedNanos) / 1e9
    let rate = seconds > 0 ? Double(state.rows) / seconds : .nan
    var parts = [
        "batch \(state.batch)", counted(state.rows, "row"), humanRate(rate),
        "watermark " + (state.watermarkMs == 0 ? "-" : timestampText(ms: state.watermarkMs)),
    ]
    if let lag = state.lag { parts.append("lag \(lag)") }
    if state.toRead.left > 0, state.toRead.done > 0 {
        let share = Double(state.toRead.left) / Double(state.toRead.done)
        let micros = Int64(exactly: (share * seconds * 1e6).rounded()) ?? .max
        parts.append("ETA \(humanDuration(micros: micros))")
    }
    return parts.joined(separator: " · ")
}
