import ConnectorAPI
import JSON

/// A code of a broker, or, below 0, of librdkafka (`rd_kafka_resp_err_t`).
struct KafkaCode: Hashable, Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    static let none = KafkaCode(0)
    static let offsetOutOfRange = KafkaCode(1)
    static let corruptMessage = KafkaCode(2)
    static let unknownTopicOrPartition = KafkaCode(3)
    static let messageTooLarge = KafkaCode(10)
    static let topicAuthorization = KafkaCode(29)
    static let groupAuthorization = KafkaCode(30)
    static let clusterAuthorization = KafkaCode(31)
    static let invalidProducerEpoch = KafkaCode(47)
    static let transactionalIDAuthorization = KafkaCode(53)
    static let saslAuthentication = KafkaCode(58)
    static let producerFenced = KafkaCode(90)
    static let autoOffsetReset = KafkaCode(-140)
    static let fenced = KafkaCode(-144)
    static let fatal = KafkaCode(-150)
    static let authentication = KafkaCode(-169)
    static let ssl = KafkaCode(-181)
    static let queueFull = KafkaCode(-184)
    static let unknownTopic = KafkaCode(-188)
    static let unknownPartition = KafkaCode(-190)
    static let partitionEOF = KafkaCode(-191)
    static let badCompression = KafkaCode(-198)
    static let badMessage = KafkaCode(-199)

    /// Whether a topic or a partition is not there.
    var isMissingTopic: Bool {
        [.unknownTopicOrPartition, .unknownTopic, .unknownPartition].contains(self)
    }

    /// Whether the peer refuses who asks, which no repetition changes.
    var isRefusal: Bool {
        [
            .topicAuthorization, .groupAuthorization, .clusterAuthorization, .saslAuthentication,
            .transactionalIDAuthorization, .authentication,
        ].contains(self)
    }

    /// Whether another producer of the same name has taken over.
    var isFenced: Bool {
        [.fenced, .producerFenced, .invalidProducerEpoch].contains(self)
    }

    /// Whether the bytes that came are damaged.
    var isDamage: Bool { [.badMessage, .badCompression, .corruptMessage].contains(self) }

    /// Whether the same call cannot succeed later.
    var isFinal: Bool { isRefusal || isFenced || isDamage || self == .messageTooLarge }
}

extension KafkaLibrary {
    /// A code in librdkafka's words.
    func text(_ code: KafkaCode) -> String {
        unsafe err2str(code.number).map { unsafe String(cString: $0) } ?? ""
    }

    /// What a call that failed comes to.
    ///
    /// - Parameters:
    ///   - code: why it failed.
    ///   - doing: what was to be done, as in `cannot … `.
    ///   - place: the topic or the servers.
    ///   - detail: what librdkafka says besides.
    ///   - log: its last line of log, which names the host that is not reached.
    /// - Returns: the fault.
    func error(
        _ code: KafkaCode, _ doing: String, at place: String, detail: String = "", log: String = ""
    ) -> ConnectorError {
        let said = detail.isEmpty ? text(code) : detail
        let more = log.isEmpty || code.isFinal || said == log ? "" : " (\(JSONValue.escaped(log)))"
        return ConnectorError(
            "kafka\(code.number)",
            "cannot \(doing): \(JSONValue.escaped(said))\(more)\(remedy(code))", at: place,
            fault: code.isDamage ? .damage : .external,
            retry: code.isFinal || code.isMissingTopic ? .never : .after(milliseconds: 1_000))
    }

    private func remedy(_ code: KafkaCode) -> String {
        switch code {
        case .saslAuthentication, .authentication:
            "; check \"kafka.sasl.username\", \"kafka.sasl.password\" and the mechanism"
        case .topicAuthorization, .groupAuthorization, .clusterAuthorization,
            .transactionalIDAuthorization:
            "; the user needs that right on the cluster"
        case .ssl: "; check \"kafka.ssl.ca.location\" and the other \"kafka.ssl.\" keys"
        case let code where code.isMissingTopic:
            "; create the topic, or correct its name"
        default: ""
        }
    }
}

extension ConnectorError {
    /// A fault of settings that shows only when they are used.
    static func kafkaSettings(_ message: String, at place: String) -> ConnectorError {
        ConnectorError("badOptions", message, at: place, fault: .settings)
    }
}
