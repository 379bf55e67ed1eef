import Columnar
import JSON

/// Writes the values of one column as the bytes of a line format, the same text as `valueText`.
///
/// Strings are encoded once per dictionary entry and dates once per day, since neighbours share
/// them.
struct CellWriter {
    /// What a value looks like in a line.
    enum Format {
        /// NULL is an empty field, an empty string is `""`.
        case csv
        /// NaN, infinities and whatever is no number or boolean are strings.
        case json
    }

    private let column: Column
    private let format: Format
    private var entries: [[UInt8]?]
    private var day: (number: Int64, text: [UInt8])?

    /// A writer of a column's values.
    init(_ column: Column, as format: Format) {
        self.column = column
        self.format = format
        entries = Array(repeating: nil, count: column.dictionary?.count ?? 0)
    }

    /// Appends the value of a row.
    mutating func append(_ row: Int, to line: inout [UInt8]) {
        if column.isNull(row) {
            if format == .json { line += "null".utf8 }
            return
        }
        switch column.type {
        case .int: append(Int64(column.int32s[row]), to: &line)
        case .long: append(column.int64s[row], to: &line)
        case .double: append(column.doubles[row], to: &line)
        case .string: append(entry: Int(column.int32s[row]), to: &line)
        case .timestamp:
            quote(&line)
            append(timestamp: column.int64s[row], to: &line)
            quote(&line)
        case .date, .binary:
            quote(&line)
            line += valueText(column.value(at: row)).utf8
            quote(&line)
        case .boolean, .decimal: line += valueText(column.value(at: row)).utf8
        }
    }

    private func quote(_ line: inout [UInt8]) {
        if format == .json { line.append(UInt8(ascii: "\"")) }
    }

    private func append(_ value: Int64, to line: inout [UInt8]) {
        if value < 0 { line.append(UInt8(ascii: "-")) }
        append(digitsOf: value.magnitude, width: 1, to: &line)
    }

    private func append(_ value: Double, to line: inout [UInt8]) {
        let isText = format == .json && !value.isFinite
        if isText { line.append(UInt8(ascii: "\"")) }
        line += formatDouble(value).utf8
        if isText { line.append(UInt8(ascii: "\"")) }
    }

    private mutating func append(entry code: Int, to line: inout [UInt8]) {
        if let known = entries[code] {
            line += known
            return
        }
        let text = column.dictionary?.string(at: code) ?? ""
        let encoded =
            switch format {
            case .csv: text.isEmpty ? "\"\"" : csvField(text)
            case .json: "\"\(JSONValue.escaped(text))\""
            }
        entries[code] = Array(encoded.utf8)
        line += encoded.utf8
    }

    /// As `formatTimestamp`: `yyyy-mm-dd hh:mm:ss`, then the fraction without trailing zeros.
    private mutating func append(timestamp micros: Int64, to line: inout [UInt8]) {
        let number = floorDivide(micros, microsPerDay)
        if day?.number != number {
            let text = CivilDate(daysSinceEpoch: Int(number)).description
            day = (number, Array(text.utf8))
        }
        line += day?.text ?? []
        // Below a day: nothing overflows.
        let inDay = UInt64(micros &- number &* microsPerDay)
        let seconds = inDay / 1_000_000
        line.append(UInt8(ascii: " "))
        append(digitsOf: seconds / 3_600, width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(digitsOf: seconds / 60 % 60, width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(digitsOf: seconds % 60, width: 2, to: &line)
        var fraction = inDay % 1_000_000
        guard fraction > 0 else { return }
        var width = 6
        while fraction % 10 == 0 {
            fraction /= 10
            width -= 1
        }
        line.append(UInt8(ascii: "."))
        append(digitsOf: fraction, width: width, to: &line)
    }

    /// The decimal digits of a number, with leading zeros up to a width.
    private func append(digitsOf value: UInt64, width: Int, to line: inout [UInt8]) {
        let start = line.count
        var rest = value
        repeat {
            line.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        while line.count - start < width { line.append(UInt8(ascii: "0")) }
        line[start...].reverse()
    }
}

/// The rows of a batch as JSON objects, one a line.
func jsonLines(_ batch: RecordBatch) -> [UInt8] {
    var cells = batch.columns.map { CellWriter($0, as: .json) }
    let keys = batch.schema.names.enumerated().map { index, name in
        Array("\(index == 0 ? "{" : ",")\"\(JSONValue.escaped(name))\":".utf8)
    }
    var lines: [UInt8] = []
    for row in 0..<batch.count {
        if cells.isEmpty { lines.append(UInt8(ascii: "{")) }
        for index in cells.indices {
            lines += keys[index]
            cells[index].append(row, to: &lines)
        }
        lines += "}\n".utf8
    }
    return lines
}

/// The rows of a batch as CSV lines (RFC 4180).
func csvLines(_ batch: RecordBatch) -> [UInt8] {
    var cells = batch.columns.map { CellWriter($0, as: .csv) }
    var lines: [UInt8] = []
    for row in 0..<batch.count {
        for index in cells.indices {
            if index > 0 { lines.append(UInt8(ascii: ",")) }
            cells[index].append(row, to: &lines)
        }
        lines.append(UInt8(ascii: "\n"))
    }
    return lines
}

/// The header line of a CSV output.
func csvHeader(_ schema: Schema) -> String { schema.names.map(csvField).joined(separator: ",") }

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
