import Glibc
import Synchronization

/// Standard output or standard error: buffered bytes, written whole.
///
/// A reader that goes away (`| head`) is no error: nothing more is written, and by default the
/// process ends there, with success.
public final class Output: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isClosed = false
        var whenClosed: @Sendable () -> Void = { exit(0) }
    }

    private static let bufferedBytesMax = 1 << 16

    /// Whether a person reads it.
    public let isTerminal: Bool
    private let descriptor: Int32
    private let state = Mutex(State())

    /// The stream of an open file descriptor.
    public init(descriptor: Int32) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
    }

    /// The columns of the terminal; nil where no terminal reads, or it does not say.
    public var columns: Int? { size.map { Int($0.ws_col) }.flatMap { $0 > 0 ? $0 : nil } }

    /// The lines of the terminal; nil where no terminal reads, or it does not say.
    public var lines: Int? { size.map { Int($0.ws_row) }.flatMap { $0 > 0 ? $0 : nil } }

    private var size: winsize? {
        guard isTerminal else { return nil }
        var size = winsize()
        // Safe: the struct is a variable of this function.
        return unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? size : nil
    }

    /// Says what happens when the reader is gone, instead of ending the process.
    public func setWhenClosed(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.whenClosed = action }
    }

    /// Whether the reader is gone.
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Writes text, at once on a terminal, else when enough has come together.
    public func write(_ text: String) {
        append { $0.append(contentsOf: text.utf8) }
    }

    /// Writes bytes.
    public func write(_ bytes: [UInt8]) {
        append { $0.append(contentsOf: bytes) }
    }

    /// Writes what is buffered.
    public func flush() {
        let action = state.withLock { state -> (@Sendable () -> Void)? in drain(&state) }
        action?()
    }

    private func append(_ body: (inout [UInt8]) -> Void) {
        let action = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isClosed else { return nil }
            body(&state.bytes)
            let isFull = state.bytes.count >= Self.bufferedBytesMax
            return isFull || isTerminal ? drain(&state) : nil
        }
        action?()
    }

    /// Writes all buffered bytes; returns what to do, after the lock, when the reader is gone.
    private func drain(_ state: inout State) -> (@Sendable () -> Void)? {
        defer { state.bytes.removeAll(keepingCapacity: true) }
        guard !state.isClosed, !state.bytes.isEmpty else { return nil }
        switch writeAll(state.bytes, to: descriptor) {
        case 0: return nil
        case EPIPE:
            state.isClosed = true
            return state.whenClosed
        case let errorNumber:
            state.isClosed = true
            // Safe: strerror returns a NUL-terminated string; only this thread reads it.
            let cause = unsafe String(cString: strerror(errorNumber))
            _ = writeAll(
                Array("error: cannot write to standard output: \(cause)\n".utf8), to: STDERR_FILENO)
            return { exit(ExitCode.failed.rawValue) }
        }
    }
}

/// Writes bytes to a descriptor; returns 0 or the error number.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    unsafe bytes.withUnsafeBytes { buffer in
        var written = 0
        while written < buffer.count {
            // Safe: the range lies inside the buffer, which lives for the closure.
            let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
            let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                return errno
            }
            written += count
        }
        return 0
    }
}
