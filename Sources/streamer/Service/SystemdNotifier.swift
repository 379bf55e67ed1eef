import Glibc
import Storage
import Synchronization

/// Tells systemd how the service is, as `sd_notify(3)` does: one datagram a state to the socket that
/// `NOTIFY_SOCKET` names; none where the variable is not set.
///
/// With `WatchdogSec=` in the unit, ``isAlive()`` says so at most twice in that time. It is called
/// from the loop that runs batches: where that hangs, systemd starts the service anew. A batch must
/// therefore take less than that time.
final class SystemdNotifier: Sendable {
    private let socket: String?
    private let intervalNanos: UInt64?
    private let time: any TimeSource
    private let lastNanos = Atomic<UInt64>(0)

    init(environment: [String: String], time: any TimeSource = SystemTime()) {
        self.time = time
        socket = environment["NOTIFY_SOCKET"].flatMap { name in
            // A name of its own kind begins with @; anything else is a path from the root.
            name.hasPrefix("/") || name.hasPrefix("@") ? name : nil
        }
        let isForUs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        intervalNanos =
            isForUs
            ? environment["WATCHDOG_USEC"].flatMap { UInt64($0) }
                .map { $0.multipliedReportingOverflow(by: 500).partialValue }
            : nil
    }

    /// The service takes rows.
    func isReady() { send("READY=1\nSTATUS=running") }

    /// The service ends after this batch.
    func isStopping() { send("STOPPING=1\nSTATUS=stopping after this batch") }

    /// What the service is at, for `systemctl status`.
    func status(_ text: String) {
        send("STATUS=" + text.split(separator: "\n" as Character).joined(separator: " "))
    }

    /// The loop goes round.
    func isAlive() {
        guard let intervalNanos else { return }
        let now = time.monotonicNanos()
        let last = lastNanos.load(ordering: .relaxed)
        guard last == 0 || now >= last + intervalNanos else { return }
        lastNanos.store(now, ordering: .relaxed)
        send("WATCHDOG=1")
    }

    /// Whether it arrives is no matter for the service.
    private func send(_ state: String) {
        guard let socket else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(socket.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard name.count < room else { return }
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        let descriptor = Glibc.socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { _ = close(descriptor) }
        let text = Array(state.utf8)
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        // Safe: address and text live for the call, which reads no more than their lengths.
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = unsafe text.withUnsafeBytes {
                    unsafe sendto(
                        descriptor, $0.baseAddress, $0.count,
                        Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), generic, length
                    )
                }
            }
        }
    }
}
