import CommandLine
import Engine
import Glibc
import Synchronization

/// What SIGINT and SIGTERM give after ``handleStopSignals(announcing:)``.
let stopSignal = StopSignal()

private let stopRequests = Atomic<Int>(0)
private let terminated = Atomic<Bool>(false)
private let announcesStop = Atomic<Bool>(true)

/// From now on the first SIGINT or SIGTERM asks for a stop, the second ends the process at once.
///
/// A batch that is aborted so is run again by the next run, with the same result.
///
/// With `announcing` the first says on standard error that the batch is finished first. A SIGHUP
/// means nothing to a service, which has nothing to read again; at a terminal, which then is gone, it
/// asks for a stop.
func handleStopSignals(announcing: Bool = true) {
    // Globals come into being at their first use, which must not be inside a signal handler.
    _ = stopSignal
    _ = screenTerminal
    stopRequests.store(0, ordering: .relaxed)
    announcesStop.store(announcing, ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { number in
            if number == SIGTERM { terminated.store(true, ordering: .relaxed) }
            stopRequested()
        }
        // Without SA_RESTART: a sleeping or reading call returns, and the loop sees the request.
        unsafe sigaction(number, &action, nil)
    }
    guard isatty(STDERR_FILENO) == 1 else {
        signal(SIGHUP, SIG_IGN)
        return
    }
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in stopRequested() }
    unsafe sigaction(SIGHUP, &action, nil)
}

/// How a run ends that was asked to stop: what ends a service by SIGTERM has done as it should.
var stoppedExitCode: ExitCode { terminated.load(ordering: .relaxed) ? .done : .interrupted }

/// Runs inside a signal handler: atomics (a stop signal is one), write and _exit only.
private func stopRequested() {
    if stopRequests.add(1, ordering: .relaxed).oldValue > 0 {
        screenTerminal.giveBack()
        _exit(ExitCode.interrupted.rawValue)
    }
    stopSignal.request()
    guard announcesStop.load(ordering: .relaxed) else { return }
    let message: StaticString = "\nstopping after this batch; again to abort it\n"
    // Safe: a static string's bytes live as long as the process.
    _ = unsafe write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
}
