import Glibc
import Synchronization

private let stopRequests = Atomic<Int>(0)

/// Whether a signal has asked for a stop.
var isStopRequested: Bool { stopRequests.load(ordering: .relaxed) > 0 }

/// From now on the first SIGINT or SIGTERM asks for a stop, the second ends the process at once.
///
/// A batch that is aborted so is run again by the next run, with the same result.
func handleStopSignals() {
    // Globals come into being at their first use, which must not be inside a signal handler.
    stopRequests.store(0, ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in stopRequested() }
        // Without SA_RESTART: a sleeping or reading call returns, and the loop sees the request.
        unsafe sigaction(number, &action, nil)
    }
}

/// Runs inside a signal handler: atomics, write and _exit only.
private func stopRequested() {
    if stopRequests.add(1, ordering: .relaxed).oldValue > 0 {
        _exit(ExitCode.interrupted.rawValue)
    }
    let message: StaticString = "\nstopping after this batch; again to abort it\n"
    // Safe: a static string's bytes live as long as the process.
    _ = unsafe write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
}
