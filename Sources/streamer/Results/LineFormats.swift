import Columnar
import JSON

/// A function that writes a row of this schema as a JSON object on one line.
///
/// Numbers are JSON numbers, decimals with all their digits; NaN and infinities, which JSON has
/// no name for, are strings, as Spark writes them.
func jsonLines(_ schema: Schema) -> ([Value]) -> String {
    let keys = schema.names.map { "\"\(JSONValue.escaped($0))\":" }
    return { row in
        var line = "{"
        for (index, value) in row.enumerated() {
            if index > 0 { line += "," }
            line += keys[index]
            line += jsonText(value)
        }
        return line + "}"
    }
}

private func jsonText(_ value: Value) -> String {
    switch value {
    case .null: "null"
    case .boolean, .int, .long, .decimal: valueText(value)
    case .double(let number): number.isFinite ? doubleText(number) : "\"\(doubleText(number))\""
    case .date, .timestamp: "\"\(valueText(value))\""
    case .string(let text): "\"\(JSONValue.escaped(text))\""
    }
}

/// The header line of a CSV output.
func csvHeader(_ schema: Schema) -> String { schema.names.map(csvField).joined(separator: ",") }

/// A row as a CSV line: NULL is an empty field, an empty string is `""`.
func csvLine(_ row: [Value]) -> String { row.map(csvText).joined(separator: ",") }

private func csvText(_ value: Value) -> String {
    if case .string(let text) = value { return text.isEmpty ? "\"\"" : csvField(text) }
    return valueText(value)
}

/// A field, quoted where it holds a comma, a quote, a line break or a blank at its border.
private func csvField(_ text: String) -> String {
    let needsQuotes = text.utf8.contains { byte in
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == 0x0A || byte == 0x0D
    }
    guard needsQuotes || text.first == " " || text.last == " " else { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
        if scalar == "\"" { quoted += "\"" }
        quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
}
