import Columnar
import Expressions
import Foundation
import Operators

/// A case of the event-time facts that were checked against Spark, as far as it is a query that
/// aggregates one input.
struct SparkCase: Sendable, CustomStringConvertible {
    /// A cell: what JSON holds, with timestamps as seconds.
    enum Cell: Sendable, Hashable {
        case null
        case number(Double)
        case text(String)
    }

    static let path = "../shared/data/spark_event_time_cases.json"

    let id: String
    let name: String
    let operation: String
    let mode: OutputMode
    let delaySeconds: Int64?
    let noDataBatches: Bool
    let query: QueryText
    let schema: Schema
    let eventTime: String?
    let batches: [[[Value]]]
    /// What each step emits; `nil` where it is not checked.
    let expected: [[[Cell]]?]
    let stateRows: [Int?]
    let dropped: [Int?]
    let watermarksSeconds: [Double?]
    let isError: Bool

    var description: String { "\(id) \(name)" }

    /// All cases of the operations that aggregate; empty when the file is absent.
    static func load() -> [SparkCase] {
        guard let data = FileManager.default.contents(atPath: path),
            let root = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let cases = root["cases"] as? [[String: Any]]
        else { return [] }
        return cases.compactMap(SparkCase.init)
    }

    private static let operations = [
        "window_aggregate", "aggregate", "session_aggregate", "window_assign",
    ]

    private init?(_ json: [String: Any]) {
        guard let id = json["id"] as? String, let name = json["name"] as? String,
            let query = json["query"] as? [String: Any], let operation = query["op"] as? String,
            Self.operations.contains(operation),
            let inputs = json["inputs"] as? [[String: Any]], inputs.count == 1,
            let names = inputs[0]["columns"] as? [String],
            let types = inputs[0]["types"] as? [String],
            let category = json["category"] as? String
        else { return nil }
        let functions = (query["aggregates"] as? [[String: Any]] ?? []).compactMap {
            $0["fn"] as? String
        }
        // Sets of values and joins are other layers' or not there.
        guard functions.allSatisfy({ !$0.contains("distinct") }) else { return nil }
        self.id = id
        self.name = name
        self.operation = operation
        isError = category == "error"
        mode = (json["output_mode"] as? String).flatMap(OutputMode.init) ?? .complete
        delaySeconds = (json["watermark_delay_s"] as? NSNumber)?.int64Value
        noDataBatches =
            json["no_data_batches"] as? Bool ?? true && json["trigger"] as? String == "default"
        let time = query["time"] as? String
        let eventColumn = inputs[0]["event_time_column"] as? String
        let input = Input(
            names: names, types: types, times: [time, eventColumn].compactMap(\.self))
        schema = input.schema
        eventTime = (eventColumn ?? time).map { $0 + "_t" }
        self.query = Self.text(query, json, names)
        batches = (json["batches"] as? [[[Any]]] ?? []).map { $0.map(input.row) }
        expected = (json["expected"] as? [Any] ?? []).map { rows in
            (rows as? [[Any]])?.map { $0.map(Self.cell) }
        }
        let integers = { (key: String) in
            (json[key] as? [Any] ?? []).map { ($0 as? NSNumber)?.intValue }
        }
        stateRows = integers("expected_state_rows")
        dropped = integers("expected_dropped_late")
        watermarksSeconds = (json["expected_watermark_during_s"] as? [Any] ?? []).map {
            ($0 as? NSNumber)?.doubleValue
        }
    }

    /// Columns that are times come as `<name>_t`; numbers also under their own name.
    private struct Input {
        let names: [String]
        let types: [String]
        let times: [String]

        var schema: Schema {
            Schema(
                zip(names, types).flatMap { name, type -> [Field] in
                    let own = Field(name, type == "long" ? .long : .string)
                    let time = Field(name + "_t", .timestamp)
                    return times.contains(name) ? [own, time] : [own]
                })
        }

        func row(_ cells: [Any]) -> [Value] {
            zip(zip(names, types), cells).flatMap { column, cell -> [Value] in
                let own: Value
                switch (column.1, SparkCase.cell(cell)) {
                case ("long", .number(let number)): own = .long(Int64(number))
                case (_, .number), (_, .text): own = .string("\(cell)")
                case (_, .null): own = .null
                }
                guard times.contains(column.0) else { return [own] }
                guard case .number(let seconds) = SparkCase.cell(cell) else { return [own, .null] }
                return [own, .timestamp(Int64((seconds * 1e6).rounded()))]
            }
        }
    }

    private static func text(
        _ query: [String: Any], _ json: [String: Any], _ names: [String]
    ) -> QueryText {
        let keys = query["keys"] as? [String] ?? []
        let time = query["time"] as? String
        let window = json["window"] as? [String: Any]
        var groupBy = keys.map { $0 == "ts" ? "ts_t" : $0 }
        if let window, let time { groupBy.append(Self.window(window, query, time + "_t")) }
        if query["op"] as? String == "window_assign" { groupBy.append("value") }
        let aggregates = Dictionary(
            (query["aggregates"] as? [[String: Any]] ?? []).map { aggregate in
                let function = aggregate["fn"] as? String ?? ""
                let column = aggregate["column"] as? String ?? "*"
                return (aggregate["as"] as? String ?? "", "\(function)(\(column))")
            }, uniquingKeysWith: { first, _ in first })
        let isSession = window?["type"] as? String == "session"
        let bounds = isSession ? "session_window" : "window"
        let select = (json["output_columns"] as? [String] ?? []).map { name in
            let expression: String
            switch name {
            case "window_start", "session_start": expression = "\(bounds).start"
            case "window_end", "session_end": expression = "\(bounds).end"
            case "duration_s":
                expression =
                    "(unix_micros(\(bounds).end) - unix_micros(\(bounds).start)) div 1000000"
            case "key": expression = keys[0]
            case "value_plus_1": expression = keys[1]
            case "ts": expression = "ts_t"
            default: expression = aggregates[name] ?? name
            }
            return "\(expression) AS `\(name)`"
        }
        return QueryText(groupBy: groupBy, select: select.isEmpty ? ["count(*) AS c"] : select)
    }

    private static func window(
        _ window: [String: Any], _ query: [String: Any], _ time: String
    ) -> String {
        let interval = { (key: String) in
            (window[key] as? NSNumber).map {
                "'\(Int(($0.doubleValue * 1_000).rounded())) milliseconds'"
            }
        }
        if window["type"] as? String == "session" {
            if let gap = interval("gap_s") { return "session_window(\(time), \(gap))" }
            if let gaps = query["gap_by_key"] as? [String: NSNumber] {
                let cases = gaps.filter { $0.key != "*" }.sorted { $0.key < $1.key }.map {
                    "WHEN key = '\($0.key)' THEN '\($0.value) seconds'"
                }
                let rest = "ELSE '\(gaps["*"] ?? 0) seconds' END"
                return "session_window(\(time), CASE \(cases.joined(separator: " ")) \(rest))"
            }
            return "session_window(\(time), CASE WHEN value = 1 THEN '0 seconds' "
                + "WHEN value = 2 THEN '-10 seconds' ELSE '5 seconds' END)"
        }
        let size = interval("size_s") ?? "'0 seconds'"
        let slide = interval("slide_s") ?? size
        return "window(\(time), \(size), \(slide), \(interval("offset_s") ?? "'0 seconds'"))"
    }

    static func cell(_ value: Any) -> Cell {
        if let number = value as? NSNumber { return .number(number.doubleValue) }
        guard let text = value as? String else { return .null }
        return parseTime(text).map { .number($0) } ?? .text(text)
    }

    /// Seconds of `yyyy-mm-dd hh:mm:ss[.fff]`.
    private static func parseTime(_ text: String) -> Double? {
        let parts = text.split { "-: ".contains($0) }
        let numbers = parts.compactMap { Double($0) }
        guard parts.count == 6, numbers.count == 6 else { return nil }
        let days = CivilDate(
            year: Int(numbers[0]), month: Int(numbers[1]), day: Int(numbers[2])
        ).daysSinceEpoch
        return Double(days) * 86_400 + numbers[3] * 3_600 + numbers[4] * 60 + numbers[5]
    }

    static func cell(_ value: Value) -> Cell {
        switch value {
        case .null: .null
        case .timestamp(let micros): .number(Double(micros) / 1e6)
        case .long(let long): .number(Double(long))
        case .string(let text): .text(text)
        default: .text("\(value)")
        }
    }
}
