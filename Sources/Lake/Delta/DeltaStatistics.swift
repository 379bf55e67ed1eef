import Columnar
import JSON

/// What a log says of the values in a data file, so that readers can pass over it.
///
/// A column has no bounds where they could mislead a reader: with NaN (greater than all numbers
/// for Spark), infinities, decimals beyond a double's digits, years that are not four digits.
enum DeltaStatistics {
    /// Longer strings are cut.
    private static let characterCountMax = 32

    static func text(_ rows: RecordBatch) -> String {
        var mins: [(String, JSONValue)] = []
        var maxs: [(String, JSONValue)] = []
        var nulls: [(String, JSONValue)] = []
        for (field, column) in zip(rows.schema.fields, rows.columns) {
            nulls.append((field.name, .integer(column.nullCount)))
            guard let (min, max) = bounds(column) else { continue }
            mins.append((field.name, min))
            maxs.append((field.name, max))
        }
        return JSONValue.object([
            ("numRecords", .integer(rows.count)), ("minValues", .object(mins)),
            ("maxValues", .object(maxs)), ("nullCount", .object(nulls)),
        ]).text()
    }

    static func rowCount(in text: String) -> Int? {
        guard let value = try? JSONValue.parse(text) else { return nil }
        return value["numRecords"]?.int64Value.flatMap { Int(exactly: $0) }
    }

    private static func bounds(_ column: Column) -> (JSONValue, JSONValue)? {
        switch column.type {
        case .boolean, .binary: return nil
        case .int:
            return extremes(column.int32s, column).map { low, high in
                (.integer(Int64(low)), .integer(Int64(high)))
            }
        case .long: return extremes(column.int64s, column).map { (.integer($0), .integer($1)) }
        case .double: return doubles(column)
        case .decimal(let precision, let scale):
            guard precision <= 15 else { return nil }
            return extremes(column.int64s, column).map { (decimal($0, scale), decimal($1, scale)) }
        case .date:
            return extremes(column.int32s, column).flatMap { low, high in
                texts(
                    CivilDate(daysSinceEpoch: Int(low)).description,
                    CivilDate(daysSinceEpoch: Int(high)).description)
            }
        case .timestamp:
            return extremes(column.int64s, column).flatMap {
                texts(deltaTimestampText($0), deltaTimestampText($1))
            }
        case .string: return strings(column)
        }
    }

    private static func extremes<T: Comparable & BitwiseCopyable>(
        _ values: Span<T>, _ column: Column
    ) -> (T, T)? {
        var found: (low: T, high: T)?
        for row in 0..<column.count where !column.isNull(row) {
            let value = values[row]
            guard let (low, high) = found else {
                found = (value, value)
                continue
            }
            found = (min(low, value), max(high, value))
        }
        return found
    }

    private static func doubles(_ column: Column) -> (JSONValue, JSONValue)? {
        let values = column.doubles
        for row in 0..<column.count where !column.isNull(row) && !values[row].isFinite {
            return nil
        }
        return extremes(values, column).map { low, high in
            // A bound of zero covers both zeros.
            (.double(low == 0 ? -0.0 : low), .double(high == 0 ? 0.0 : high))
        }
    }

    private static func decimal(_ unscaled: Int64, _ scale: Int) -> JSONValue {
        let text = formatDecimal(Int128(unscaled), scale: scale)
        return JSONValue(.number(Double(text) ?? 0, literal: text))
    }

    /// Dates and times, where both have a year of four digits from 0001 on.
    private static func texts(_ low: String, _ high: String) -> (JSONValue, JSONValue)? {
        let isPlain = [low, high].allSatisfy { text in
            ("0"..."9").contains(text.prefix(1)) && !text.hasPrefix("0000")
        }
        return isPlain ? (.string(low), .string(high)) : nil
    }

    private static func strings(_ column: Column) -> (JSONValue, JSONValue)? {
        guard let dictionary = column.dictionary else { return nil }
        let codes = column.int32s
        var found: (low: Int32, high: Int32)?
        func precedes(_ left: Int32, _ right: Int32) -> Bool {
            unsafe left != right
                && dictionary.unsafeBytes(at: Int(left))
                    .lexicographicallyPrecedes(dictionary.unsafeBytes(at: Int(right)))
        }
        for row in 0..<column.count where !column.isNull(row) {
            let code = codes[row]
            guard let (low, high) = found else {
                found = (code, code)
                continue
            }
            if precedes(code, low) { found?.low = code }
            if precedes(high, code) { found?.high = code }
        }
        guard let (low, high) = found,
            let raised = upperBound(dictionary.string(at: Int(high)))
        else { return nil }
        let prefix = dictionary.string(at: Int(low)).unicodeScalars.prefix(characterCountMax)
        return (.string(String(String.UnicodeScalarView(prefix))), .string(raised))
    }

    /// The text itself, or a prefix of it with its last character raised: not less than the text.
    private static func upperBound(_ text: String) -> String? {
        guard text.unicodeScalars.count > characterCountMax else { return text }
        var kept = Array(text.unicodeScalars.prefix(characterCountMax))
        while let last = kept.popLast() {
            // The surrogates are no characters.
            guard let next = Unicode.Scalar(last.value == 0xd7ff ? 0xe000 : last.value + 1) else {
                continue
            }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: kept + [next])
            return String(view)
        }
        return nil
    }
}
