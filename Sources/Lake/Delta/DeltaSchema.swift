import Columnar
import JSON

/// The schema as a table's metadata holds it: Spark's JSON of a struct.
///
/// Partition columns can be null, whatever else they are: an empty string is.
func deltaSchemaText(_ schema: Schema, partitionBy: [String]) -> String {
    let fields = schema.fields.map { field -> JSONValue in
        let isPartition = partitionBy.contains { $0.utf8.elementsEqual(field.name.utf8) }
        return .object([
            ("name", .string(field.name)), ("type", .string(deltaType(field.type))),
            ("nullable", .bool(field.isNullable || isPartition)), ("metadata", .object([])),
        ])
    }
    return JSONValue.object([("type", "struct"), ("fields", .array(fields))]).text()
}

private func deltaType(_ type: DataType) -> String {
    if case .int = type { "integer" } else { type.description }
}

/// The schema of that text; nil when it is none.
func deltaSchema(_ text: String) throws(DeltaUnsupported) -> Schema? {
    guard let value = try? JSONValue.parse(text), let members = value["fields"]?.elements else {
        return nil
    }
    var fields: [Field] = []
    for member in members {
        guard let name = member["name"]?.stringValue, let type = member["type"],
            let isNullable = member["nullable"]?.boolValue
        else { return nil }
        guard let text = type.stringValue, let ours = columnType(text) else {
            let what = type.stringValue ?? type["type"]?.stringValue ?? "?"
            throw DeltaUnsupported(what: "the column '\(name)' of type \(what)")
        }
        fields.append(Field(name, ours, isNullable: isNullable))
    }
    return Schema.duplicateName(in: fields) == nil ? Schema(fields) : nil
}

/// The type that a file's column of a Delta type is read as.
private func columnType(_ name: String) -> DataType? {
    switch name {
    case "byte", "short": .int
    case "float": .double
    default: DataType(parsing: name)
    }
}

/// A partition value as a log holds it; nil stands for null, as the empty string does in Delta.
func deltaPartitionText(_ value: Value) -> String? {
    if case .timestamp(let micros) = value { return deltaTimestampText(micros) }
    guard let text = value.text, !text.isEmpty else { return nil }
    return text
}

/// A timestamp in ISO 8601, which no reader takes for one of its own time zone.
func deltaTimestampText(_ micros: Int64) -> String {
    let parts = formatTimestamp(micros: micros).split(separator: " " as Character)
    return parts.joined(separator: "T") + "Z"
}

/// A partition value read from a log.
func deltaPartitionValue(_ text: String, as type: DataType) -> Value? {
    guard case .timestamp = type, text.hasSuffix("Z") else {
        return PartitionValue.parse(text, as: type)
    }
    let plain = text.dropLast().split(separator: "T" as Character).joined(separator: " ")
    return PartitionValue.parse(plain, as: type)
}
