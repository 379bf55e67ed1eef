import Columnar
import ConnectorAPI
import JSON
import Settings

/// Where a new job begins to read, and where a bounded one ends: Spark's options.
enum KafkaStart: Hashable, Sendable {
    /// At the oldest or behind the newest message of every partition.
    case everywhere(KafkaTime)
    /// In each partition at an offset, or at its oldest or newest message.
    case offsets([SplitID: Place])
    /// In every partition at the first message of that Kafka timestamp, ms, or a later one.
    case time(Int64)
    /// In each partition at the first message of a Kafka timestamp.
    case times([SplitID: Int64])

    enum Place: Hashable, Sendable {
        case offset(Int64)
        case time(KafkaTime)
    }

    /// What is done where no message is late enough.
    enum Strategy: String, CaseIterable, Sendable {
        case error
        case latest
    }

    static let strategyKey = "startingOffsetsByTimestampStrategy"

    private static let perPartition = Shape.map(.map(.integer(-2...Int64.max)))

    static let keys: [KeyShape] = [
        .optional(
            "startingOffsets", .oneOf([.choice(["earliest", "latest"]), perPartition]),
            "Where a new job begins: a word, or an offset for every partition, of which -2 is the "
                + "oldest and -1 the newest. A job that has a checkpoint goes on from there.",
            default: "earliest", examples: ["latest", ["ticks": ["0": 23, "1": -2]]]),
        .optional(
            "startingTimestamp", .oneOf([.text(.timestamp), .integer(0...Int64.max)]),
            "Instead: the first message of this Kafka timestamp or a later one; a number is in ms.",
            absence: "`startingOffsets` says it", examples: ["2026-01-05T14:30:00Z"]),
        .optional(
            "startingOffsetsByTimestamp", perPartition,
            "Instead: a Kafka timestamp in ms for every partition.",
            absence: "`startingOffsets` says it", examples: [["ticks": ["0": 1_767_623_400_000]]]),
        .optional(
            strategyKey, .choice(Strategy.allCases.map(\.rawValue)),
            "Where a partition has no message that late: a fault, or begin at its end.",
            default: "error"),
    ]

    /// Reads settings that were checked.
    init(_ object: SettingsReader) {
        if let time = object.optional("startingTimestamp") {
            self = .time(
                time.int64Value ?? object.micros("startingTimestamp") / 1_000)
        } else if let times = object.optional("startingOffsetsByTimestamp") {
            self = .times(Self.bySplit(times))
        } else if let offsets = object.optional("startingOffsets"), offsets.members != nil {
            self = .offsets(
                Self.bySplit(offsets).mapValues { offset in
                    switch offset {
                    case -2: .time(.earliest)
                    case -1: .time(.latest)
                    default: .offset(offset)
                    }
                })
        } else {
            self = .everywhere(object.string("startingOffsets") == "latest" ? .latest : .earliest)
        }
    }

    private static func bySplit(_ value: JSONValue) -> [SplitID: Int64] {
        var found: [SplitID: Int64] = [:]
        for topic in value.members ?? [] {
            for split in topic.value.members ?? [] {
                guard let number = Int(split.key), number >= 0, let offset = split.value.int64Value
                else { continue }
                found[SplitID(topic.key, number)] = offset
            }
        }
        return found
    }

    /// Notes keys that are no partitions.
    static func check(_ faults: inout SettingFaults) {
        for key in ["startingOffsets", "startingOffsetsByTimestamp"] {
            for topic in faults.given(key)?.members ?? [] {
                for split in topic.value.members ?? [] where Int(split.key).map({ $0 < 0 }) ?? true
                {
                    faults.note(
                        .badValue,
                        "\"\(split.key.escapedForMessage)\" is no partition: they are numbered from 0.",
                        at: .here[key][topic.key])
                }
                if key == "startingOffsetsByTimestamp" {
                    for split in topic.value.members ?? []
                    where (split.value.int64Value ?? 0) < 0 {
                        faults.note(
                            .badValue, "A time is not negative.",
                            at: .here[key][topic.key][split.key])
                    }
                }
            }
        }
    }

    /// In words.
    var summary: String {
        switch self {
        case .everywhere(.earliest): "from the earliest message"
        case .everywhere: "from the latest message"
        case .offsets, .times: "from places of each partition"
        case .time(let milliseconds):
            "from \(formatTimestamp(micros: EventTime(Milliseconds(milliseconds)).micros))"
        }
    }

    /// The absolute offsets for some partitions.
    ///
    /// - Throws: which partitions are missing or unknown, or have no message that late.
    func resolved(
        _ splits: [SplitID], _ strategy: Strategy, _ client: KafkaClient
    ) throws(ConnectorError) -> [SplitID: Int64] {
        let earliest = try client.offsets(at: Self.all(splits, .earliest))
        let latest = try client.offsets(at: Self.all(splits, .latest))
        switch self {
        case .everywhere(.latest): return latest
        case .everywhere: return earliest
        case .time(let time):
            return try atTimes(Self.all(splits, .at(time)), latest, strategy, client)
        case .times(let times):
            try requireAll(splits, Set(times.keys), "startingOffsetsByTimestamp")
            return try atTimes(times.mapValues { .at($0) }, latest, strategy, client)
        case .offsets(let places):
            try requireAll(splits, Set(places.keys), "startingOffsets")
            var found: [SplitID: Int64] = [:]
            for split in splits {
                let (first, last) = (earliest[split] ?? 0, latest[split] ?? 0)
                switch places[split] {
                case .offset(let offset):
                    guard offset >= first, offset <= last else {
                        throw .kafkaSettings(
                            "offset \(offset) is not there: the partition has \(first) to \(last); "
                                + "begin at one of them, at -2 or at -1", at: "\(split)")
                    }
                    found[split] = offset
                case .time(.latest): found[split] = last
                default: found[split] = first
                }
            }
            return found
        }
    }

    private static func all(_ splits: [SplitID], _ time: KafkaTime) -> [SplitID: KafkaTime] {
        Dictionary(uniqueKeysWithValues: splits.map { ($0, time) })
    }

    /// Every partition is listed, and no other.
    private func requireAll(
        _ splits: [SplitID], _ listed: Set<SplitID>, _ key: String
    ) throws(ConnectorError) {
        let missing = splits.filter { !listed.contains($0) }
        let unknown = listed.subtracting(splits).sorted()
        guard missing.isEmpty, unknown.isEmpty else {
            var parts: [String] = []
            if !missing.isEmpty { parts.append("\(Self.list(missing)) missing") }
            if !unknown.isEmpty { parts.append("\(Self.list(unknown)) not there") }
            throw .kafkaSettings(
                "every partition that is read is listed, and no other: "
                    + parts.joined(separator: "; ")
                    + " (-2 is a partition's oldest message, -1 its newest)", at: key)
        }
    }

    private static func list(_ splits: [SplitID]) -> String {
        let shown = splits.prefix(10).map(\.description).joined(separator: ", ")
        let more = splits.count > 10 ? " and \(splits.count - 10) more" : ""
        return shown + more + (splits.count == 1 ? " is" : " are")
    }

    private func atTimes(
        _ times: [SplitID: KafkaTime], _ latest: [SplitID: Int64], _ strategy: Strategy,
        _ client: KafkaClient
    ) throws(ConnectorError) -> [SplitID: Int64] {
        let found = try client.offsets(at: times)
        let missing = times.keys.filter { found[$0] == nil }.sorted()
        guard missing.isEmpty || strategy == .latest else {
            throw .kafkaSettings(
                "\(Self.list(missing)) without a message that late; choose an earlier time, or set "
                    + "\"\(Self.strategyKey)\": \"latest\"", at: "startingTimestamp")
        }
        return found.merging(latest.filter { times[$0.key] != nil }) { own, _ in own }
    }
}
