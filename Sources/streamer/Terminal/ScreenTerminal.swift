import Glibc
import Synchronization

/// The terminal while a screen is drawn on it; also restored by a signal that ends the process.
let screenTerminal = ScreenTerminal()

/// A terminal whose keys are read one by one, without being shown.
final class ScreenTerminal: Sendable {
    /// What a key asks for.
    enum Key: Equatable {
        case quit, up, down
        case number(Int)
    }

    private static let leave: StaticString = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    private let isOpen = Atomic<Bool>(false)
    /// How the terminal was; nil where standard input is none.
    private let before = Mutex<termios?>(nil)

    /// Reads keys from now on; Ctrl-C stays a signal.
    func takeOver() {
        var settings = termios()
        // Safe: the struct is a variable of this function.
        if isatty(STDIN_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &settings) == 0 {
            before.withLock { $0 = settings }
            settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
            unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        }
        isOpen.store(true, ordering: .relaxed)
    }

    /// Leaves the screen, and the terminal as it was.
    func giveBack() {
        guard isOpen.exchange(false, ordering: .relaxed) else { return }
        // Safe: a static string's bytes live as long as the process.
        _ = unsafe write(STDOUT_FILENO, Self.leave.utf8Start, Self.leave.utf8CodeUnitCount)
        // Nobody holds the lock while signals come but who opens and closes.
        if var settings = before.withLockIfAvailable(\.self) ?? nil {
            unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        }
    }

    /// The keys that were pressed; waits a moment for one.
    func keys(waitMillis: Int32) -> [Key] {
        var wanted = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard before.withLock({ $0 != nil }) else {
            _ = poll(nil, 0, waitMillis)
            return []
        }
        // Safe: the struct and the buffer are variables of this function.
        guard unsafe poll(&wanted, 1, waitMillis) > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe read(STDIN_FILENO, &bytes, bytes.count)
        guard count > 0 else {
            // The terminal is gone.
            _ = poll(nil, 0, waitMillis)
            return []
        }
        return Self.keys(in: bytes[..<count])
    }

    /// Arrows are `ESC [ A` or `ESC O A`.
    static func keys(in bytes: ArraySlice<UInt8>) -> [Key] {
        var keys: [Key] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "q"), UInt8(ascii: "Q"): keys.append(.quit)
            case UInt8(ascii: "k"), UInt8(ascii: "p"): keys.append(.up)
            case UInt8(ascii: "j"), UInt8(ascii: "n"): keys.append(.down)
            case UInt8(ascii: "1")...UInt8(ascii: "9"):
                keys.append(.number(Int(byte - UInt8(ascii: "0"))))
            case 0x1B:
                guard let mark = rest.first, "[O".utf8.contains(mark) else { continue }
                rest.removeFirst()
                switch rest.popFirst() {
                case UInt8(ascii: "A"): keys.append(.up)
                case UInt8(ascii: "B"): keys.append(.down)
                default: break
                }
            default: break
            }
        }
        return keys
    }
}
