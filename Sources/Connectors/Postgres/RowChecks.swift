import Columnar
import JSON

/// A row that cannot be stored, and why.
struct RefusedRow: Sendable {
    /// Its place in the batch.
    let row: Int
    /// The SQLSTATE that the server gives, or would give, for it.
    let code: String
    let column: String?
    /// Why, without the value.
    let message: String
}

/// Finds rows that the target cannot store, before anything of them is sent.
struct RowChecks {
    let rows: RecordBatch
    let target: TargetTable
    let forms: [FieldForm]
    let keys: [String]
    let serverVersion: Int
    /// How many are looked for.
    let countMax: Int

    /// Bytes that a field may have: the server's limit of a value, with room for its header.
    private static let fieldBytesMax = 1_073_741_000
    private static let infiniteNumericSince = 140_000

    /// The rows that cannot be stored, by row, each with its first reason.
    func refused() -> [RefusedRow] {
        var found: [Int: RefusedRow] = [:]
        for (index, form) in forms.enumerated() {
            let column = rows.columns[index]
            let field = rows.schema[index].name
            let note = { (row: Int, code: String, message: String) in
                guard found[row] == nil, found.count < countMax else { return }
                found[row] = RefusedRow(row: row, code: code, column: field, message: message)
            }
            checkNulls(column, field, note)
            check(column, form, target.column(field), note)
        }
        return found.values.sorted { $0.row < $1.row }
    }

    private typealias Note = (_ row: Int, _ code: String, _ message: String) -> Void

    private func checkNulls(_ column: Column, _ field: String, _ note: Note) {
        guard column.nullCount > 0 else { return }
        let isKey = keys.contains(field)
        guard isKey || target.column(field)?.isNotNull ?? false else { return }
        for row in 0..<rows.count where column.isNull(row) {
            note(row, "23502", isKey ? "a key is null" : "the column takes no null")
        }
    }

    private func check(
        _ column: Column, _ form: FieldForm, _ target: TargetTable.Column?, _ note: Note
    ) {
        switch form {
        case .boolean, .int4, .int8, .float8: break
        case .numeric(let wholeMax, let scaleMax):
            checkNumbers(column, wholeMax, scaleMax, target?.typeText ?? "", note)
        case .text(let charactersMax):
            unsafe checkEntries(column, note) { bytes in
                if unsafe bytes.contains(0) {
                    return ("22021", "the text has a NUL character, which PostgreSQL cannot store")
                }
                guard let charactersMax, bytes.count > charactersMax else { return nil }
                // Every character has one byte that continues none.
                let characters = unsafe bytes.count { $0 & 0xC0 != 0x80 }
                guard characters > charactersMax else { return nil }
                return (
                    "22001",
                    "the text has \(characters) characters, the column takes \(charactersMax)"
                )
            }
        case .bytes: unsafe checkEntries(column, note) { _ in nil }
        case .date:
            let days = column.int32s
            for row in 0..<rows.count where PostgresTime.days(days[row]) == nil {
                if column.isNull(row) { continue }
                note(row, "22008", "the date is not between 4713 BC and 5874897")
            }
        case .timestamp:
            let micros = column.int64s
            for row in 0..<rows.count where PostgresTime.micros(micros[row]) == nil {
                if column.isNull(row) { continue }
                note(row, "22008", "the time is not between 4713 BC and 294276")
            }
        }
    }

    /// Looks at each text of the dictionary once.
    private func checkEntries(
        _ column: Column, _ note: Note,
        _ fault: (UnsafeRawBufferPointer) -> (code: String, message: String)?
    ) {
        guard let dictionary = column.dictionary else { return }
        var faults: [Int32: (code: String, message: String)] = [:]
        for entry in 0..<dictionary.count {
            let bytes = unsafe dictionary.unsafeBytes(at: entry)
            if let found = unsafe fault(bytes) {
                faults[Int32(entry)] = found
            } else if bytes.count > Self.fieldBytesMax {
                faults[Int32(entry)] = ("54000", "the value has more than 1 GB")
            }
        }
        guard !faults.isEmpty else { return }
        let codes = column.int32s
        for row in 0..<rows.count where !column.isNull(row) {
            if let found = faults[codes[row]] { note(row, found.code, found.message) }
        }
    }

    private func checkNumbers(
        _ column: Column, _ wholeMax: Int?, _ scaleMax: Int?, _ type: String, _ note: Note
    ) {
        let isDouble = column.type == .double
        guard isDouble || wholeMax != nil else { return }
        let takesInfinity = wholeMax == nil && serverVersion >= Self.infiniteNumericSince
        let lanes = CopyLanes([column], [.numeric(wholeMax: wholeMax, scaleMax: scaleMax)])
        let lane = lanes.lanes[0]
        defer { withExtendedLifetime(lanes) {} }
        for row in 0..<rows.count where !column.isNull(row) {
            if isDouble, column.doubles[row].isInfinite {
                if !takesInfinity { note(row, "22003", "\(type) does not take infinity") }
                continue
            }
            guard let wholeMax, let scaleMax, let decimal = lane.decimal(row) else { continue }
            if decimal.digits > 0, decimal.wholeDigits > wholeMax {
                note(row, "22003", "the number is too large for \(type)")
            } else if decimal.scale > scaleMax {
                note(
                    row, "22003",
                    "the number has more digits after the point than \(type), which would round it; "
                        + "round or cast it in the job")
            }
        }
    }
}

extension RecordBatch {
    /// A row as a JSON object in one line, for people.
    func json(row: Int) -> String {
        JSONValue.object(
            zip(schema.fields, columns).map { field, column in
                (field.name, column.value(at: row).text.map { .string($0) } ?? .null)
            }
        ).text()
    }

    /// Some columns of a row for a message: `symbol = "a\u0000", price = "1.5"`.
    func shown(row: Int, columns names: [String]) -> String {
        names.compactMap { name in
            column(name).map { column in
                let text = column.value(at: row).text.map { "\"\($0.prefix(80).escaped)\"" }
                return "\(name) = \(text ?? "null")"
            }
        }.joined(separator: ", ")
    }
}

extension Substring {
    fileprivate var escaped: String { JSONValue.escaped(String(self)) }
}
