import Columnar
import JSON

/// Writes rows as JSON arrays for a page.
///
/// What a page's numbers cannot hold is a string: integers beyond 2^53, decimals, NaN and
/// infinities. Timestamps are milliseconds since the epoch, dates `2026-01-05`.
struct RowText {
    /// The largest integer up to which every one is a double: 2^53.
    private static let exactMax: Int64 = 1 << 53

    private let rows: RecordBatch
    private var entries: [[Int32: [UInt8]]]

    /// A writer of a batch's rows.
    init(_ rows: RecordBatch) {
        self.rows = rows
        entries = Array(repeating: [:], count: rows.columns.count)
    }

    /// The row as `["IBM",1796039417000,101.2]`.
    mutating func text(_ row: Int) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(16 * rows.columns.count)
        line.append(UInt8(ascii: "["))
        for index in rows.columns.indices {
            if index > 0 { line.append(UInt8(ascii: ",")) }
            append(index, row, to: &line)
        }
        line.append(UInt8(ascii: "]"))
        return line
    }

    private mutating func append(_ index: Int, _ row: Int, to line: inout [UInt8]) {
        let column = rows.columns[index]
        if column.isNull(row) {
            line += "null".utf8
            return
        }
        switch column.type {
        case .string:
            let code = column.int32s[row]
            if let known = entries[index][code] {
                line += known
                return
            }
            let text = column.dictionary?.string(at: Int(code)) ?? ""
            let encoded = Array("\"\(JSONValue.escaped(text))\"".utf8)
            entries[index][code] = encoded
            line += encoded
        case .int: line += String(column.int32s[row]).utf8
        case .long: append(column.int64s[row], to: &line)
        case .timestamp: append(floorDivide(column.int64s[row], 1_000), to: &line)
        case .double: append(column.doubles[row], to: &line)
        case .boolean: line += (column.bits?[row] ?? false ? "true" : "false").utf8
        case .decimal, .date, .binary:
            line += "\"\(column.value(at: row).text ?? "")\"".utf8
        }
    }

    private func append(_ value: Int64, to line: inout [UInt8]) {
        let isExact = value.magnitude <= Self.exactMax.magnitude
        line += (isExact ? String(value) : "\"\(value)\"").utf8
    }

    private func append(_ value: Double, to line: inout [UInt8]) {
        line += (value.isFinite ? value.description : "\"\(formatDouble(value))\"").utf8
    }
}
