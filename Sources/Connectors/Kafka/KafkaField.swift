import Columnar

/// What a message has besides the fields of its value: where a column with `fromKafka` comes from.
enum KafkaField: Hashable, Sendable {
    case key
    case value
    case topic
    case partition
    case offset
    case timestamp
    case timestampType
    /// The last header of that name.
    case header(String)

    private static let headerPrefix = "header:"

    /// The words, of which the last one stands for many.
    static let words = [
        "key", "value", "topic", "partition", "offset", "timestamp", "timestampType",
        headerPrefix + "<name>",
    ]

    /// A word of settings; `nil` for one that is none.
    init?(_ word: String) {
        switch word {
        case "key": self = .key
        case "value": self = .value
        case "topic": self = .topic
        case "partition": self = .partition
        case "offset": self = .offset
        case "timestamp": self = .timestamp
        case "timestampType": self = .timestampType
        default:
            let name = String(word.dropFirst(Self.headerPrefix.count))
            guard word.hasPrefix(Self.headerPrefix), !name.isEmpty, !name.utf8.contains(0) else {
                return nil
            }
            self = .header(name)
        }
    }

    /// The types that a column of it may have.
    var types: [DataType] {
        switch self {
        case .key, .value, .header: [.string, .binary]
        case .topic: [.string]
        case .partition, .timestampType: [.int]
        case .offset: [.long]
        case .timestamp: [.timestamp]
        }
    }

    /// Whether a message may have none.
    var mayBeNull: Bool {
        switch self {
        case .key, .value, .header, .timestamp: true
        case .topic, .partition, .offset, .timestampType: false
        }
    }
}

/// A column of a source of topics.
struct KafkaColumn: Hashable, Sendable {
    /// Where it comes from.
    enum Origin: Hashable, Sendable {
        /// That column of those that the value gives.
        case payload(Int)
        /// The message itself.
        case message(KafkaField)
    }

    let field: Field
    let origin: Origin

    /// Spark's columns of a topic, in its order.
    static let sparks: [KafkaColumn] = [
        KafkaColumn(field: Field("key", .binary), origin: .message(.key)),
        KafkaColumn(field: Field("value", .binary), origin: .message(.value)),
        KafkaColumn(field: Field("topic", .string, isNullable: false), origin: .message(.topic)),
        KafkaColumn(
            field: Field("partition", .int, isNullable: false), origin: .message(.partition)),
        KafkaColumn(field: Field("offset", .long, isNullable: false), origin: .message(.offset)),
        KafkaColumn(
            field: Field("timestamp", .timestamp, isNullable: false), origin: .message(.timestamp)),
        KafkaColumn(
            field: Field("timestampType", .int, isNullable: false),
            origin: .message(.timestampType)),
    ]
}
