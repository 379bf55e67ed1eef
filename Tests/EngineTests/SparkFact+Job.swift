import Expressions
import JSON

extension SparkFact {
    /// The fact's query as a job.
    var jobText: String {
        var members: [(String, JSONValue)] = [
            ("name", "fact"), ("source", ["path": "log/fact"]),
            ("trigger", .object([(isOnce ? "once" : "availableNow", true)])),
            ("queries", .array(queries)),
            (
                "options",
                [
                    "noDataBatches": .bool(json["no_data_batches"]?.boolValue ?? true),
                    // Spark refuses it; the fact is of a version that did not.
                    "sessionUpdate": .bool(id == "s023"),
                ]
            ),
        ]
        let seconds = json["watermark_delay_s"]?.int64Value.map { "\($0) seconds" }
        if let delay = query["delay"]?.stringValue ?? seconds {
            let column = query["column"]?.stringValue ?? (eventTime ?? "") + "_t"
            members.append(
                (
                    "watermark",
                    [
                        "eventTime": .string(column),
                        "delayThreshold": .string(delay),
                    ]
                ))
        }
        return JSONValue.object(members).text()
    }

    private var operation: String { query["op"]?.stringValue ?? "" }

    private var queries: [JSONValue] {
        if let stages = query["ops"]?.elements {
            return [
                deduplication("first", stages[0], select: ["*"], isLast: false),
                deduplication("second", from: "first", stages[1], select: columns, isLast: true),
            ]
        }
        if operation.hasPrefix("deduplicate") {
            let output = json["output_columns"]?.elements?.compactMap(\.stringValue) ?? []
            return [deduplication("q", query, select: output, isLast: true)]
        }
        return [aggregation]
    }

    private func deduplication(
        _ name: String, from: String? = nil, _ stage: JSONValue, select: [String], isLast: Bool
    ) -> JSONValue {
        let isWithin = stage["op"]?.stringValue == "deduplicate_within_watermark"
        let keys = (stage["keys"]?.elements ?? []).compactMap(\.stringValue).map { key in
            JSONValue.string(key == eventTime ? key + "_t" : key)
        }
        let upstream = from.map { [("from", JSONValue.string($0))] } ?? []
        return .object(
            upstream + [
                ("name", .string(name)),
                (isWithin ? "dropDuplicatesWithinWatermark" : "dropDuplicates", .array(keys)),
                ("select", .array(select.map { .string($0) })), ("outputMode", .string(mode)),
                ("sinks", isLast ? [["format": "console"]] : []),
            ])
    }

    // MARK: Aggregations

    private var keys: [String] { (query["keys"]?.elements ?? []).compactMap(\.stringValue) }

    private var aggregation: JSONValue {
        let aggregates = query["aggregates"]?.elements ?? []
        var groupBy = keys.map { $0 == "ts" ? "ts_t" : $0 }
        var members: [(String, JSONValue)] = []
        if aggregates.first?["fn"]?.stringValue == "count_distinct_via_set" {
            // A set of values is a stream without duplicates.
            members.append(("dropDuplicates", .array(columns.map { .string($0) })))
        }
        if operation == "window_assign" { groupBy.append("value") }
        if operation == "session_aggregate", keys.isEmpty, category != "error" {
            // As in the runs on Spark, which wants a key beside the session.
            groupBy.append("'one' AS one")
        }
        if let window { groupBy.append(window) }
        if operation.hasSuffix("join") { members.append(("join", query)) }
        return .object(
            members + [
                ("name", "q"), ("groupBy", .array(groupBy.map { .string($0) })),
                ("select", .array(select(aggregates).map { .string($0) })),
                ("outputMode", .string(mode == "batch" ? "complete" : mode)),
                ("sinks", [["format": "console"]]),
            ])
    }

    private func select(_ aggregates: [JSONValue]) -> [String] {
        let names = (json["output_columns"]?.elements ?? []).compactMap(\.stringValue)
        guard !names.isEmpty else { return ["count(*) AS c"] }
        let bounds = operation == "session_aggregate" ? "session_window" : "window"
        return names.map { name in
            let aggregate = aggregates.first {
                [$0["as"]?.stringValue, $0["fn"]?.stringValue].contains(name)
            }
            let expression =
                switch name {
                case "window_start", "session_start": "\(bounds).start"
                case "window_end", "session_end": "\(bounds).end"
                case "duration_s":
                    "(unix_micros(\(bounds).end) - unix_micros(\(bounds).start)) div 1000000"
                case "key": keys[0]
                case "value_plus_1": keys[1]
                case "ts": "ts_t"
                default: aggregate.map(Self.call) ?? name
                }
            return "\(expression) AS `\(name)`"
        }
    }

    private static func call(_ aggregate: JSONValue) -> String {
        let function = aggregate["fn"]?.stringValue ?? ""
        let column = aggregate["column"]?.stringValue ?? "*"
        return switch function {
        case "count_distinct_via_set": "count(*)"
        case "sum_distinct": "sum(DISTINCT \(column))"
        default: "\(function)(\(column))"
        }
    }

    /// The window to group by, if the query has one.
    private var window: String? {
        guard operation.hasPrefix("window") || operation == "session_aggregate" else { return nil }
        let time = (query["time"]?.stringValue ?? eventTime ?? "") + "_t"
        let lengths = json["window"] ?? .null
        let interval = { (key: String) in
            lengths[key]?.doubleValue.map { "'\(Int(($0 * 1_000).rounded())) milliseconds'" }
        }
        guard operation == "session_aggregate" else {
            let size = interval("size_s") ?? ""
            let slide = interval("slide_s") ?? size
            return "window(\(time), \(size), \(slide), \(interval("offset_s") ?? "'0 seconds'"))"
        }
        if let gap = interval("gap_s") { return "session_window(\(time), \(gap))" }
        if let gaps = query["gap_by_key"]?.members {
            let cases = gaps.filter { $0.key != "*" }.map {
                "WHEN key = '\($0.key)' THEN '\($0.value.int64Value ?? 0) seconds'"
            }
            let rest = gaps.first { $0.key == "*" }?.value.int64Value ?? 0
            return "session_window(\(time), CASE \(cases.joined(separator: " ")) "
                + "ELSE '\(rest) seconds' END)"
        }
        if category == "error" { return "session_window(\(time), '5 seconds')" }
        return "session_window(\(time), CASE WHEN value = 1 THEN '0 seconds' "
            + "WHEN value = 2 THEN '-10 seconds' ELSE '5 seconds' END)"
    }
}
