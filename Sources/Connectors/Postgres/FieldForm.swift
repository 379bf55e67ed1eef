import Columnar

/// How a value of ours becomes a field of a binary COPY.
enum FieldForm: Hashable, Sendable {
    case boolean
    /// An `int` as int4, int8, float8.
    case int4
    case int8
    case float8
    /// Any number as numeric; a `numeric(p,s)` takes so many digits before the point and behind it.
    case numeric(wholeMax: Int?, scaleMax: Int?)
    /// UTF-8 without NUL; a `varchar(n)` takes so many characters.
    case text(charactersMax: Int?)
    case bytes
    case date
    case timestamp

    /// The form of values of a type in a column of the target, or why there is none.
    init(_ type: DataType, in column: TargetTable.Column) throws(UnfitColumn) {
        switch (type, column.type) {
        case (.boolean, "bool"): self = .boolean
        case (.int, "int4"): self = .int4
        case (.int, "int8"), (.long, "int8"): self = .int8
        case (.int, "float8"), (.double, "float8"): self = .float8
        case (.int, "numeric"), (.long, "numeric"), (.double, "numeric"):
            let digits = column.numericDigits
            self = .numeric(wholeMax: digits?.whole, scaleMax: digits?.scale)
        case (.decimal(let precision, let scale), "numeric"):
            if let digits = column.numericDigits,
                digits.scale < scale || digits.whole < precision - scale
            {
                throw UnfitColumn(
                    "\(column.typeText) has not all digits of \(type), and the server rounds without "
                        + "an error; cast it in the job, or widen the column")
            }
            self = .numeric(wholeMax: nil, scaleMax: nil)
        case (.string, "text"): self = .text(charactersMax: nil)
        case (.string, "varchar"): self = .text(charactersMax: column.charactersMax)
        case (.binary, "bytea"): self = .bytes
        case (.date, "date"): self = .date
        case (.timestamp, "timestamptz"), (.timestamp, "timestamp"): self = .timestamp
        default:
            throw UnfitColumn(
                "it is \(column.typeText), which \(type.withArticle) of the job does not go into; "
                    + "it goes into \(Self.accepted(type)): cast it in the job, or change the column"
            )
        }
    }

    /// The types that columns of a type go into, in words.
    private static func accepted(_ type: DataType) -> String {
        switch type {
        case .boolean: "boolean"
        case .int: "integer, bigint, numeric or double precision"
        case .long: "bigint or numeric"
        case .double: "double precision or numeric"
        case .decimal: "numeric"
        case .string: "text or varchar"
        case .binary: "bytea"
        case .date: "date"
        case .timestamp: "timestamptz or timestamp"
        }
    }

    /// The type of a column that is made.
    static func made(for type: DataType) -> String {
        switch type {
        case .boolean: "boolean"
        case .int: "integer"
        case .long: "bigint"
        case .double: "double precision"
        case .decimal(let precision, let scale): "numeric(\(precision),\(scale))"
        case .string: "text"
        case .binary: "bytea"
        case .date: "date"
        case .timestamp: "timestamptz"
        }
    }
}

/// Why a column of ours does not go into one of theirs.
struct UnfitColumn: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// Times and dates as PostgreSQL counts them: from 2000-01-01.
///
/// Source: PostgreSQL's `src/include/datatype/timestamp.h`.
enum PostgresTime {
    static let epochMicros: Int64 = 946_684_800_000_000
    static let epochDays: Int32 = 10_957
    /// From 4713 BC up to, not including, 294277; the extremes of 64 bits would be ±infinity.
    static let micros: Range<Int64> = -211_813_488_000_000_000..<9_223_371_331_200_000_000
    /// From 4713 BC up to, not including, 5874898.
    static let days: Range<Int32> = -2_451_545..<2_145_031_949

    /// Microseconds since 2000 of those since 1970; `nil` is out of range.
    @inline(__always)
    static func micros(_ value: Int64) -> Int64? {
        let (moved, overflow) = value.subtractingReportingOverflow(epochMicros)
        return !overflow && micros.contains(moved) ? moved : nil
    }

    /// Days since 2000 of those since 1970; `nil` is out of range.
    @inline(__always)
    static func days(_ value: Int32) -> Int32? {
        let (moved, overflow) = value.subtractingReportingOverflow(epochDays)
        return !overflow && days.contains(moved) ? moved : nil
    }
}
