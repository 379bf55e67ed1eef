import Columnar

/// Rows as JSON text, byte for byte as Spark's `to_json(struct(…))` writes them.
///
/// Null fields are left out. Doubles are Java's (`1.0E7`), those that are no number text
/// (`"NaN"`); decimals are Java's `BigDecimal.toString`; timestamps are cut to milliseconds, in UTC;
/// bytes are base64.
struct RowJSON {
    private let names: [[UInt8]]
    private let columns: [Column]

    /// Writes some columns of rows.
    init(_ rows: RecordBatch, columns indices: [Int]) {
        names = indices.map { index in
            var name: [UInt8] = []
            Self.append(rows.schema[index].name, to: &name)
            return name + [UInt8(ascii: ":")]
        }
        columns = indices.map { rows.columns[$0] }
    }

    /// The text of a row.
    func append(row: Int, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for (name, column) in zip(names, columns) {
            guard !column.isNull(row) else { continue }
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            output += name
            Self.append(column.value(at: row), to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// A value that is not null.
    static func append(_ value: Value, to output: inout [UInt8]) {
        switch value {
        case .null: output += Array("null".utf8)
        case .string(let text): append(text, to: &output)
        case .binary(let bytes): append(base64(bytes), to: &output)
        case .double(let number) where !number.isFinite: append(formatDouble(number), to: &output)
        case .decimal(let unscaled, let scale): output += Array(decimal(unscaled, scale).utf8)
        case .timestamp(let micros): append(timestamp(micros), to: &output)
        case .date(let days): append(CivilDate(daysSinceEpoch: Int(days)).description, to: &output)
        default: output += Array((value.text ?? "null").utf8)
        }
    }

    private static let upperHex = Array("0123456789ABCDEF".utf8)

    /// Text in quotes, with the escapes of Jackson.
    static func append(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output += [UInt8(ascii: "\\"), byte]
            case 0x08: output += Array("\\b".utf8)
            case 0x09: output += Array("\\t".utf8)
            case 0x0A: output += Array("\\n".utf8)
            case 0x0C: output += Array("\\f".utf8)
            case 0x0D: output += Array("\\r".utf8)
            case 0..<0x20:
                output += Array("\\u00".utf8)
                output += [upperHex[Int(byte >> 4)], upperHex[Int(byte & 15)]]
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// As Java's `BigDecimal.toString`: with an exponent where it would begin with seven zeros.
    static func decimal(_ unscaled: Int128, _ scale: Int) -> String {
        let digits = String(unscaled.magnitude)
        let adjusted = digits.utf8.count - 1 - scale
        guard scale > 0, adjusted < -6 else { return formatDecimal(unscaled, scale: scale) }
        let sign = unscaled < 0 ? "-" : ""
        let fraction = digits.utf8.count > 1 ? ".\(digits.dropFirst())" : ""
        return "\(sign)\(digits.prefix(1))\(fraction)E\(adjusted)"
    }

    /// `2026-01-05T14:30:00.123Z`.
    static func timestamp(_ micros: Int64) -> String {
        let milliseconds = floorDivide(micros, 1_000)
        let days = floorDivide(milliseconds, 86_400_000)
        let rest = Int(milliseconds - days * 86_400_000)
        let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60)
        let (seconds, fraction) = (rest / 1_000 % 60, rest % 1_000)
        let date = CivilDate(daysSinceEpoch: Int(days)).description
        return "\(date)T\(two(hours)):\(two(minutes)):\(two(seconds))."
            + "\(fraction < 100 ? "0" : "")\(two(fraction))Z"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// Bytes as base64 with padding.
    static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            var word = part.reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            word <<= UInt32(8 * (3 - part.count))
            for index in 0..<4 {
                let isPadding = index > part.count
                text.append(
                    isPadding
                        ? UInt8(ascii: "=") : digits[Int(word >> UInt32(18 - 6 * index) & 63)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
