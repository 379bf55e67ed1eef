import Columnar
import Glibc
import JSON

/// One of the event-time facts that were checked against a real Spark: the batches that go in and
/// what each step gives.
struct SparkFact: Sendable, CustomStringConvertible {
    /// A cell of a result: numbers as doubles, timestamps as seconds.
    enum Cell: Sendable, Hashable {
        case null
        case number(Double)
        case text(String)
    }

    static let path = "../shared/data/spark_event_time_cases.json"
    /// How many facts the file holds.
    static let count = 62

    let json: JSONValue

    var id: String { json["id"]?.stringValue ?? "" }
    var name: String { json["name"]?.stringValue ?? "" }
    var category: String { json["category"]?.stringValue ?? "" }
    var query: JSONValue { json["query"] ?? .null }
    var mode: String { json["output_mode"]?.stringValue ?? "" }
    var isOnce: Bool { json["trigger"]?.stringValue == "once_per_batch" }
    var description: String { "\(id) \(name)" }

    /// All facts; empty when the file is absent.
    static let all: [SparkFact] = {
        guard let file = unsafe fopen(path, "r") else { return [] }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 22)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        guard let root = try? JSONValue.parse(Array(bytes[..<count])) else { return [] }
        return (root["cases"]?.elements ?? []).map { SparkFact(json: $0) }
    }()

    /// The result of each step.
    var expected: [[[Cell]]?] {
        (json["expected"]?.elements ?? []).map { step in
            step.elements.map { rows in rows.map { ($0.elements ?? []).map(Self.cell) } }
        }
    }

    /// The numbers that a step of the engine is checked for, `nil` where the fact has none.
    func numbers(_ key: String) -> [Int?] {
        (json[key]?.elements ?? []).map { $0.doubleValue.map { Int($0) } }
    }

    /// The watermark of each step's batch, in seconds.
    var watermarks: [Double?] {
        let observed = json["observed"]?["watermark_during_s"]
        return (json["expected_watermark_during_s"] ?? observed)?.elements?.map(\.doubleValue) ?? []
    }

    /// Spark's count of dropped rows or groups, over all stages.
    var droppedLate: [Int?] {
        let stated = numbers("expected_dropped_late")
        let observed = json["observed"]?["late_dropped_per_operator"]?.elements?.map { step in
            step.elements.map { $0.reduce(0) { $0 + Int($1.int64Value ?? 0) } }
        }
        return stated.isEmpty ? observed ?? [] : stated
    }

    /// Steps before which the query is stopped and started.
    var restarts: [Bool] {
        (json["restart_before"]?.elements ?? []).map { $0.boolValue ?? false }
    }

    static func cell(_ value: JSONValue) -> Cell {
        if let number = value.doubleValue { return .number(number) }
        guard let text = value.stringValue else { return .null }
        return seconds(text).map { .number($0) } ?? .text(text)
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

    /// The seconds of `yyyy-mm-dd hh:mm:ss[.fff]`.
    static func seconds(_ text: String) -> Double? {
        let parts = text.split { "-: ".contains($0) }
        let numbers = parts.compactMap { Double($0) }
        guard parts.count == 6, numbers.count == 6 else { return nil }
        let days = CivilDate(
            year: Int(numbers[0]), month: Int(numbers[1]), day: Int(numbers[2])
        ).daysSinceEpoch
        return Double(days) * 86_400 + numbers[3] * 3_600 + numbers[4] * 60 + numbers[5]
    }
}

extension SparkFact {
    private var input: JSONValue { json["inputs"]?.elements?.first ?? .null }
    var columns: [String] { input["columns"]?.elements?.compactMap(\.stringValue) ?? [] }
    private var types: [String] { input["types"]?.elements?.compactMap(\.stringValue) ?? [] }
    var eventTime: String? { input["event_time_column"]?.stringValue }

    /// Columns that are times: in the log they stand twice, as they are and as `<name>_t`.
    private var times: [String] {
        let names = [query["time"]?.stringValue, eventTime].compactMap(\.self)
        return columns.filter(names.contains)
    }

    /// The columns of the log.
    var schema: Schema {
        Schema(
            zip(columns, types).flatMap { name, type -> [Field] in
                let own = Field(name, type == "long" ? .long : .string)
                return times.contains(name) ? [own, Field(name + "_t", .timestamp)] : [own]
            } + (query["type"]?.stringValue == "int" ? [Field("value", .int)] : []))
    }

    /// The rows of each step.
    var batches: [[[Value]]] {
        (json["batches"]?.elements ?? []).map { batch in
            (batch.elements ?? []).map { row($0.elements ?? []) }
        }
    }

    private func row(_ cells: [JSONValue]) -> [Value] {
        zip(zip(columns, types), cells).flatMap { column, value -> [Value] in
            let own: Value =
                if column.1 == "long" {
                    value.int64Value.map { .long($0) } ?? .null
                } else {
                    value.stringValue.map { .string($0) } ?? .null
                }
            guard times.contains(column.0) else { return [own] }
            guard case .number(let seconds) = Self.cell(value) else { return [own, .null] }
            return [own, .timestamp(Int64((seconds * 1e6).rounded()))]
        }
    }
}
