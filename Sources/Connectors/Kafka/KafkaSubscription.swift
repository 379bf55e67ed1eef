import Columnar
import ConnectorAPI
import Glibc
import JSON
import Settings

/// Which partitions a source reads.
enum KafkaSubscription: Hashable, Sendable {
    /// Every partition of these topics.
    case topics([String])
    /// These partitions of topics.
    case partitions([String: [Int]])
    /// Every partition of every topic whose whole name matches.
    case pattern(String)

    static let keyNames = ["subscribe", "assign", "subscribePattern"]
    private static let reason = "the checkpoint's offsets are places in the old topics"

    static let keys: [KeyShape] = [
        .optional(
            "subscribe", .oneOf([.text(.name), .list(.text(.name), count: 1...1_000)]),
            "The topics, all of their partitions: names with commas, or a list.",
            absence: "`assign` or `subscribePattern` says it", examples: ["ticks", ["a", "b"]],
            change: .forbidden(reason: reason)),
        .optional(
            "assign", .map(.list(.integer(0...Int64(Int32.max)), count: 1...100_000)),
            "The partitions of each topic, and no others.",
            absence: "`subscribe` or `subscribePattern` says it",
            examples: [["ticks": [0, 1]]], change: .forbidden(reason: reason)),
        .optional(
            "subscribePattern", .text(.name),
            "A regular expression (POSIX, extended) that the whole name of a topic matches. Topics "
                + "that come later are found, too.",
            absence: "`subscribe` or `assign` says it", examples: ["ticks-.*"],
            change: .forbidden(reason: reason)),
    ]

    /// Reads settings that were checked.
    init(_ object: SettingsReader) {
        if let pattern = object.optionalString("subscribePattern") {
            self = .pattern(pattern)
        } else if let topics = object.optional("assign")?.members {
            let partitions = topics.map { topic in
                (
                    topic.key,
                    Set((topic.value.elements ?? []).compactMap { $0.int64Value.map { Int($0) } })
                        .sorted()
                )
            }
            self = .partitions(Dictionary(partitions, uniquingKeysWith: { _, last in last }))
        } else {
            let names =
                object.optional("subscribe") == nil
                ? [] : object.oneOrMoreStrings("subscribe")
            self = .topics(
                names.flatMap { $0.split(separator: ",") }
                    .map { String($0.trimmed) }.filter { !$0.isEmpty })
        }
    }

    /// Notes what is no subscription.
    func check(_ faults: inout SettingFaults) {
        switch self {
        case .topics(let names):
            if names.isEmpty {
                faults.note(.badValue, "A topic is needed.", at: .here["subscribe"])
            }
            for name in names where !Self.isName(name) {
                faults.note(
                    .badValue,
                    "\"\(name.escapedForMessage)\" is no name of a topic: letters, digits, \".\", "
                        + "\"_\" and \"-\", at most 249.", at: .here["subscribe"])
            }
        case .partitions(let partitions):
            for name in partitions.keys.sorted() where !Self.isName(name) {
                faults.note(
                    .badValue, "\"\(name.escapedForMessage)\" is no name of a topic.",
                    at: .here["assign"])
            }
        case .pattern(let pattern):
            if TopicPattern(pattern) == nil {
                faults.note(
                    .badValue, "\"\(pattern.escapedForMessage)\" is no regular expression.",
                    at: .here["subscribePattern"])
            }
        }
    }

    static func isName(_ name: String) -> Bool {
        (1...249).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
                    || [0x2D, 0x2E, 0x5F].contains(byte)
            }
    }

    /// The topics, for messages.
    var text: String {
        switch self {
        case .topics(let names): names.joined(separator: ",")
        case .partitions(let partitions):
            partitions.sorted { $0.key < $1.key }.map { topic, numbers in
                "\(topic)[\(numbers.map(String.init).joined(separator: ","))]"
            }.joined(separator: ",")
        case .pattern(let pattern): pattern
        }
    }

    /// The topics that are named; none of a pattern.
    var names: [String] {
        switch self {
        case .topics(let names): names
        case .partitions(let partitions): partitions.keys.sorted()
        case .pattern: []
        }
    }

    /// The partitions that there are now, in their order.
    func splits(_ client: KafkaClient, patienceMs: Int64) throws(ConnectorError) -> [SplitID] {
        var found: [SplitID] = []
        switch self {
        case .topics(let names):
            for (name, numbers) in try client.partitions(of: names, patienceMs: patienceMs) {
                found += numbers.map { SplitID(name, $0) }
            }
        case .partitions(let wanted):
            let there = try client.partitions(of: names, patienceMs: patienceMs)
            for (name, numbers) in wanted {
                for number in numbers where there[name]?.contains(number) != true {
                    throw ConnectorError(
                        "noSuchPartition",
                        "the topic has no partition \(number); it has \(there[name]?.count ?? 0), "
                            + "counted from 0", at: name, fault: .settings)
                }
                found += numbers.map { SplitID(name, $0) }
            }
        case .pattern(let text):
            guard let pattern = TopicPattern(text) else { break }
            for (name, numbers) in try client.partitions(of: nil, patienceMs: patienceMs)
            where pattern.matches(name) {
                found += numbers.map { SplitID(name, $0) }
            }
        }
        return found.sorted()
    }
}

/// A regular expression for whole names.
@safe
final class TopicPattern {
    private var expression = unsafe regex_t()

    /// `nil` for a text that is none.
    init?(_ text: String) {
        guard unsafe regcomp(&expression, "^(\(text))$", REG_EXTENDED | REG_NOSUB) == 0 else {
            return nil
        }
    }

    deinit { unsafe regfree(&expression) }

    func matches(_ name: String) -> Bool { unsafe regexec(&expression, name, 0, nil, 0) == 0 }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
