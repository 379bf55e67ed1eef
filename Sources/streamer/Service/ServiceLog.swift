import Columnar
import CommandLine
import JSON
import Storage
import Synchronization

/// How much a line of the log matters.
enum LogLevel: String, Sendable {
    case info, warning, error
}

/// Lines on standard error for whatever collects them: time, level, job, event, message.
///
/// As text: `2026-01-05T14:30:00.125Z info live status: 60,000 rows …`. As JSON one object a line,
/// with the numbers of the message as members besides.
final class ServiceLog: Sendable {
    /// How lines are written.
    enum Format: String, Sendable, CaseIterable {
        case text, json
    }

    private let format: Format
    private let console: Console
    private let time: any TimeSource

    init(_ format: Format, on console: Console, time: any TimeSource = SystemTime()) {
        self.format = format
        self.console = console
        self.time = time
    }

    /// Writes a line.
    func write(
        _ level: LogLevel, job: String, event: String, _ message: String,
        _ fields: [(String, JSONValue)] = []
    ) {
        let stamp = Self.stamp(ms: time.nowMicros() / 1_000)
        switch format {
        case .text:
            let line = message.split(separator: "\n" as Character).joined(separator: " | ")
            console.say("\(stamp) \(level.rawValue) \(job) \(event): \(line)")
        case .json:
            let members: [(String, JSONValue)] = [
                ("time", .string(stamp)), ("level", .string(level.rawValue)),
                ("job", .string(job)), ("event", .string(event)), ("message", .string(message)),
            ]
            console.say(JSONValue.object(members + fields).text())
        }
    }

    /// A time as RFC 3339 writes it, always with three digits behind the point.
    static func stamp(ms: Int64) -> String {
        let text = timestampText(ms: ms)
        let parts = text.split(separator: "." as Character, omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        let zeros = String(repeating: "0", count: max(0, 3 - fraction.utf8.count))
        let time = parts[0].map { $0 == " " ? "T" : String($0) }.joined()
        return "\(time).\(fraction)\(zeros)Z"
    }
}
