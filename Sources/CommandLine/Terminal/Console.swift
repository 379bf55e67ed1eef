import Glibc
import Synchronization

/// The streams of the process: results on standard output, talk on standard error.
public final class Console: Sendable {
    /// Where results go.
    public let output = Output(descriptor: STDOUT_FILENO)
    /// Where messages go.
    public let messages = Output(descriptor: STDERR_FILENO)
    /// Whether a person can answer a question.
    public let isInteractive: Bool
    private let hasColors: Bool
    /// Takes the line away that stands at the foot of the terminal, if one does.
    private let clearsFoot = Mutex<(@Sendable () -> Void)?>(nil)
    /// Messages that are kept; nil while they are written at once.
    private let held = Mutex<[String]?>(nil)
    private static let heldMax = 1_000

    /// The streams, with colours unless the environment says no.
    public init(environment: [String: String]) {
        isInteractive = isatty(STDIN_FILENO) == 1
        hasColors = (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
        messages.setWhenClosed {}
    }

    /// How a text is set off on a terminal.
    public enum Style: String, Sendable {
        case bold = "1"
        case dim = "2"
        case red = "1;31"
        case yellow = "33"
        /// What rose, and what fell: told apart also by who sees no red or green.
        case blue = "38;5;75"
        case orange = "38;5;215"
    }

    /// A text in a style where the stream is a terminal and colours are wanted; else the text.
    public func styled(_ text: String, _ style: Style, on stream: Output) -> String {
        hasColors && stream.isTerminal ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Says how the line at the foot of the terminal is taken away: nothing shares a line with it.
    public func setFoot(_ clear: @escaping @Sendable () -> Void) {
        clearsFoot.withLock { $0 = clear }
    }

    /// Keeps messages until they are released, while something else has the terminal.
    public func holdMessages() { held.withLock { $0 = [] } }

    /// Writes what was kept, and keeps nothing more.
    public func releaseMessages() {
        let lines = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for line in lines { say(line) }
    }

    private func clearFoot() { clearsFoot.withLock { $0 }?() }

    /// A line of results.
    public func print(_ line: String) {
        if output.isTerminal { clearFoot() }
        output.write(line + "\n")
    }

    /// A message.
    public func say(_ line: String) {
        let isHeld = held.withLock { held in
            // The last ones are what matters of many.
            if let count = held?.count, count >= Self.heldMax { held?.removeFirst() }
            held?.append(line)
            return held != nil
        }
        if isHeld { return }
        clearFoot()
        messages.write(line + "\n")
        messages.flush()
    }

    /// A message about something that may need care.
    public func warn(_ line: String) { say(styled("warning:", .yellow, on: messages) + " " + line) }

    /// A message about what went wrong.
    public func error(_ line: String) { say(styled("error:", .red, on: messages) + " " + line) }

    /// Asks a question that is answered with yes or no; no answer is no.
    public func confirm(_ question: String) -> Bool {
        messages.write("\(question) [y/N] ")
        messages.flush()
        guard let answer = readLine() else {
            say("")
            return false
        }
        return ["y", "yes"].contains(answer.lowercased())
    }
}
