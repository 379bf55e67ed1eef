import CommandLine
import Expressions
import Storage

/// How long a run waits for who holds its locks to end: `--wait-lock`.
struct LockWait {
    private static let pieceNanos: UInt64 = 100_000_000

    private let micros: Int64

    /// What the option says; without it nothing is waited for.
    init(_ arguments: Arguments) throws {
        guard let text = arguments.text("wait-lock") else {
            micros = 0
            return
        }
        guard let micros = try? parseInterval(text).fixedMicros, micros >= 0 else {
            throw arguments.fault(
                "--wait-lock takes a time such as '60 seconds' or 60s, not '\(shown(text))'")
        }
        self.micros = micros
    }

    /// Waits until nobody holds the locks, the time is over, or a stop is asked for; then whoever
    /// wants a lock is told who holds it.
    func wait(for locks: [Path], say: (String) -> Void) throws {
        guard micros > 0 else { return }
        let time = SystemTime()
        let (nanos, overflow) = UInt64(micros).multipliedReportingOverflow(by: 1_000)
        let end = time.now.advanced(byNanos: overflow ? .max : nanos)
        var isFirst = true
        while time.now < end, !stopSignal.isRequested {
            guard let (path, holder) = try held(locks) else { return }
            if isFirst { say("waiting for \(path): \(holder) holds it") }
            isFirst = false
            time.sleep(nanos: min(Self.pieceNanos, end.nanos(since: time.now)))
        }
    }

    private func held(_ locks: [Path]) throws -> (Path, String)? {
        for path in locks {
            guard try machineFiles.exists(path.parent) else { continue }
            if let holder = try machineFiles.lockHolder(path) { return (path, holder) }
        }
        return nil
    }
}
