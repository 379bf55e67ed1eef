import Glibc

/// Starts a thread of its own for some work, which no signal disturbs: signals are the main
/// thread's.
///
/// - Parameter body: the work; the thread ends with it.
/// - Returns: 0, or why there is no thread, as `pthread_create` says it.
public func startThread(_ body: @escaping @Sendable () -> Void) -> Int32 {
    final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let start = unsafe Unmanaged.passRetained(Start(body))
    var thread = pthread_t()
    // Safe: the thread takes over one reference to its start, which is released where there is none.
    let code = unsafe pthread_create(
        &thread, nil,
        { argument in
            guard let argument = unsafe argument else { return nil }
            blockSignals()
            unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, start.toOpaque())
    if code == 0 { pthread_detach(thread) } else { unsafe start.release() }
    return code
}

/// Leaves signals to the main thread, whose calls they are to end; not those that mean a fault.
private func blockSignals() {
    var signals = sigset_t()
    // Safe: the set is a variable of this function.
    unsafe sigfillset(&signals)
    for fault in [SIGILL, SIGTRAP, SIGFPE, SIGBUS, SIGSEGV, SIGSYS, SIGABRT] {
        unsafe sigdelset(&signals, fault)
    }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}
