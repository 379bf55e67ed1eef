import Columnar
import ConnectorAPI
import JSON
import Settings

/// How a cluster is reached: the keys that begin with `kafka.`, which go to librdkafka without it.
struct KafkaOptions: Hashable, Sendable {
    /// `host:port`, several with commas.
    let servers: String
    /// Other keys without `kafka.`, with `${NAME}` where a secret belongs.
    let settings: [String: String]

    private static let prefix = "kafka."
    private static let serversKey = prefix + "bootstrap.servers"
    static let isolationKey = "isolation.level"
    private static let isolationReason =
        "the batches so far read the topics at the old isolation level"

    /// The keys of every part of a job that speaks to a cluster.
    static let keys: [KeyShape] = [
        .required(
            serversKey, .text(.any), "The brokers to begin with: `host:port`, several with commas.",
            examples: ["localhost:9092", "${KAFKA}"])
    ]

    /// The keys that librdkafka knows; last, so that named ones come before it in the reference.
    static let otherKeys: [KeyShape] = [
        .optional(
            prefix + "*", .text(.secret),
            "Any setting of librdkafka, such as `kafka.security.protocol`, "
                + "`kafka.sasl.username` or `kafka.fetch.max.bytes`. Secrets are written `${NAME}`.",
            absence: "as librdkafka has them")
    ]

    /// Reads settings that were checked.
    init(_ object: SettingsReader) {
        var settings = object.strings(beginning: Self.prefix)
        servers = settings.removeValue(forKey: "bootstrap.servers") ?? ""
        self.settings = settings
    }

    /// Keys that are the engine's affair, and why.
    private static let refused: [String: String] = [
        "auto.offset.reset": "where to begin is said by \"startingOffsets\"",
        "enable.auto.commit": "offsets are kept in the checkpoint",
        "enable.auto.offset.store": "offsets are kept in the checkpoint",
        "enable.partition.eof": "it is needed to know where a partition ends",
        "allow.auto.create.topics": "a topic that is not there is an error",
        "check.crcs": "checksums are always checked",
        "key.serializer": "how values are read and written is said by \"value\"",
        "value.serializer": "how values are read and written is said by \"value\"",
        "key.deserializer": "how values are read and written is said by \"value\"",
        "value.deserializer": "how values are read and written is said by \"value\"",
        "interceptor.classes": "there are no interceptors",
        "transactional.id": "a sink has its own, see \"transactionalIdPrefix\"",
        "enable.idempotence": "a sink always writes so",
        "max.poll.records": "how much a batch reads is said by \"maxOffsetsPerTrigger\"",
        "ssl.truststore.location":
            "librdkafka reads PEM files; name the authorities in \"kafka.ssl.ca.location\"",
        "ssl.keystore.type": "librdkafka reads PEM and PKCS#12 files alone",
    ]

    /// Keys whose values must not stand in a file.
    private static let secretKeys: Set<String> = [
        "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
        "sasl.oauthbearer.client.secret", jaasKey,
    ]
    private static let jaasKey = "sasl.jaas.config"

    /// Notes keys that are the engine's affair, and secrets that stand in the file.
    func check(_ faults: inout SettingFaults) {
        if servers.split(separator: ",").isEmpty {
            faults.note(
                .badValue, "A broker is needed: \"host:port\".", at: .here[Self.serversKey])
        }
        for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
            let name = Self.prefix + key
            if let reason = Self.refused[key] {
                faults.note(
                    .badValue, "\"\(name.escapedForMessage)\" is not to be set: \(reason).",
                    at: .here[name])
            }
            if Self.secretKeys.contains(key), !value.contains("${") {
                faults.note(
                    .badValue,
                    "A secret does not belong into a file: set an environment variable and write "
                        + "\"${NAME}\".", at: .here[name])
            }
        }
        let levels = ["read_committed", "read_uncommitted"]
        if let level = settings[Self.isolationKey], !levels.contains(level) {
            faults.note(
                .badValue, "The isolation level is \(quotedList(levels)).",
                at: .here[Self.prefix + Self.isolationKey])
        }
    }

    /// A setting as librdkafka gets it.
    struct Setting: Hashable, Sendable {
        let name: String
        let value: String
        /// Whether the value may appear in a message.
        let mayBeShown: Bool
    }

    /// The settings with secrets filled in, in the order of their names.
    ///
    /// - Parameter secrets: the value of a variable.
    /// - Returns: what librdkafka is told.
    /// - Throws: which variable is not set.
    func resolved(_ secrets: (String) -> String?) throws(ConnectorError) -> [Setting] {
        var resolved: [Setting] = []
        for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
            let filled = try Self.fill(value, secrets, at: Self.prefix + key)
            if key == Self.jaasKey {
                resolved += try Self.translated(jaas: filled)
                continue
            }
            let isSecret = Self.secretKeys.contains(key) || filled != value
            resolved.append(Setting(name: key, value: filled, mayBeShown: !isSecret))
        }
        return resolved
    }

    /// A text with the values of its `${NAME}`.
    private static func fill(
        _ text: String, _ secrets: (String) -> String?, at place: String
    ) throws(ConnectorError) -> String {
        var result = ""
        var rest = Substring(text)
        while let start = rest.range(ofText: "${"),
            let end = rest[start.upperBound...].firstIndex(of: "}")
        {
            let inside = rest[start.upperBound..<end]
            let standIn = inside.range(ofText: ":-")
            let name = String(inside[..<(standIn?.lowerBound ?? inside.endIndex)])
            guard let value = secrets(name) ?? standIn.map({ String(inside[$0.upperBound...]) })
            else {
                throw .kafkaSettings(
                    "the environment variable \(JSONValue.escaped(name)) is not set", at: place)
            }
            result += rest[..<start.lowerBound] + value
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    /// What Java's clients have in one text as librdkafka's settings.
    private static func translated(jaas: String) throws(ConnectorError) -> [Setting] {
        func quoted(_ key: String) -> String? {
            let text = Substring(jaas)
            guard let start = text.range(ofText: key + "=\""),
                let end = text[start.upperBound...].firstIndex(of: "\"")
            else { return nil }
            return String(text[start.upperBound..<end])
        }
        guard jaas.contains("PlainLoginModule") || jaas.contains("ScramLoginModule"),
            let user = quoted("username"), let password = quoted("password")
        else {
            throw .kafkaSettings(
                "only the login modules Plain and Scram with a username and a password are known; "
                    + "use \"kafka.sasl.username\" and \"kafka.sasl.password\"",
                at: prefix + jaasKey)
        }
        return [
            Setting(name: "sasl.username", value: user, mayBeShown: false),
            Setting(name: "sasl.password", value: password, mayBeShown: false),
        ]
    }

    /// The key `kafka.isolation.level` may not change, nor whether it is there.
    static let change: [KeyShape] = [
        .optional(
            prefix + isolationKey, .choice(["read_committed", "read_uncommitted"]),
            "Whether messages of transactions that are open or were aborted are read, too.",
            default: "read_committed", change: .forbidden(reason: isolationReason))
    ]
}

extension Substring {
    /// The first place of a text.
    fileprivate func range(ofText text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            let rest = self[start...]
            if rest.hasPrefix(text) {
                return start..<index(start, offsetBy: text.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
