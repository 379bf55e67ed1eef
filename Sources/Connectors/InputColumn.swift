public import Columnar

/// How the text of a timestamp column says a time.
public enum TimestampFormat: String, Sendable, CaseIterable {
    /// As Spark casts a string: `2013-10-07`, `2013-10-07 09:30:00.123456`, `…T09:30:00Z`,
    /// `… +05:30`. Without an offset it is in the column's time zone.
    case iso
    /// Seconds since the epoch; a fraction is allowed, what is below a microsecond is cut off.
    case epochSeconds = "epoch_s"
    /// Milliseconds since the epoch.
    case epochMillis = "epoch_ms"
    /// Microseconds since the epoch.
    case epochMicros = "epoch_us"
    /// Nanoseconds since the epoch; rounded down to microseconds.
    case epochNanos = "epoch_ns"
    /// Milliseconds of the wall clock since midnight of the date in the file's name, in the
    /// column's time zone.
    case millisSinceMidnight = "ms_since_midnight"
}

/// How the text of a date column says a day.
public enum DateFormat: String, Sendable, CaseIterable {
    /// `2013-10-07`, as Spark casts a string.
    case iso
    /// `20131007`.
    case basic = "yyyymmdd"
}

/// Where the values of a column come from.
public enum ColumnSource: Sendable, Equatable {
    /// The field of that name in the header of a CSV file; in JSON, keys from the outside in,
    /// separated by dots (`trade.price`).
    case field(String)
    /// The field at that place of a CSV record, counting from 0.
    case index(Int)
    /// The same text in every row.
    case constant(String)
    /// The name of the file, without directories.
    case fileName
    /// The name of the directory that holds the file.
    case directory
    /// The date in the name of the file: `yyyymmdd` or `yyyy-mm-dd`.
    case fileDate
}

/// One column that a feed reads from files.
public struct InputColumn: Sendable, Equatable {
    /// Upper or lower case for the text of a string column.
    public enum LetterCase: String, Sendable {
        /// As it stands.
        case unchanged
        /// ASCII letters in upper case.
        case upper
        /// ASCII letters in lower case.
        case lower
    }

    /// The column's name in the feed's schema.
    public var name: String
    /// Its type.
    public var type: DataType
    /// Whether a missing value is a null; otherwise it rejects the row.
    public var isNullable = true
    /// Where the values come from.
    public var source: ColumnSource
    /// What the text of a timestamp means.
    public var timestampFormat = TimestampFormat.iso
    /// What the text of a date means.
    public var dateFormat = DateFormat.iso
    /// The zone of a wall-clock time without offset: `America/New_York`, `UTC`, `+05:30`.
    public var timeZone = "UTC"
    /// The number in the file is this many times the value, for doubles and decimals.
    ///
    /// 10000 reads
    /// `139400` as 13.94. For decimals it is a power of ten.
    public var scale: Int64 = 1
    /// For strings.
    public var letterCase = LetterCase.unchanged

    /// A column that takes the field of its own name.
    public init(_ name: String, _ type: DataType, from source: ColumnSource? = nil) {
        self.name = name
        self.type = type
        self.source = source ?? .field(name)
    }

    /// Everything that the column's content depends on, for a feed's identity.
    var fingerprint: String {
        "\(name)|\(type)|\(isNullable)|\(source)|\(timestampFormat.rawValue)|"
            + "\(dateFormat.rawValue)|\(timeZone)|\(scale)|\(letterCase.rawValue)"
    }

    /// `scale` as a power of ten, or `nil` when it is none.
    var scaleExponent: Int? {
        var rest = scale
        var exponent = 0
        while rest > 1, rest % 10 == 0 {
            rest /= 10
            exponent += 1
        }
        return rest == 1 ? exponent : nil
    }
}

extension InputColumn {
    /// Checks columns against each other and gives the feed's schema.
    static func schema(
        of columns: [InputColumn], timeColumn: String, at location: String
    ) throws(FeedError) -> Schema {
        let fields = columns.map {
            Field($0.name, $0.type, isNullable: $0.isNullable && $0.name != timeColumn)
        }
        guard !columns.isEmpty, columns.count <= columnsMax else {
            throw FeedError(
                .badOptions, "give between 1 and \(columnsMax) columns", at: location)
        }
        if let name = Schema.duplicateName(in: fields) {
            throw FeedError(.badOptions, "two columns are called '\(name)'", at: location)
        }
        guard let time = columns.first(where: { $0.name == timeColumn }) else {
            throw FeedError(
                .badOptions,
                "no column is called '\(timeColumn)', the event time"
                    + suggestion(for: timeColumn, among: columns.map(\.name)), at: location)
        }
        guard time.type == .timestamp else {
            throw FeedError(
                .badOptions,
                "the event time '\(timeColumn)' is of type \(time.type); make it a timestamp",
                at: location)
        }
        for column in columns { try column.validate(at: "\(location).\(column.name)") }
        return Schema(fields)
    }

    private static let columnsMax = 10_000

    private func validate(at location: String) throws(FeedError) {
        guard !name.isEmpty else {
            throw FeedError(.badOptions, "a column needs a name", at: location)
        }
        if case .index(let index) = source, index < 0 || index >= Self.columnsMax {
            throw FeedError(
                .badOptions, "the field's index must lie in 0 ..< \(Self.columnsMax)", at: location)
        }
        if scale != 1 {
            switch type {
            case .double where scale > 0: break
            case .decimal where scale > 0 && scaleExponent != nil: break
            case .decimal:
                throw FeedError(
                    .badOptions, "the scale of a decimal must be a power of ten, not \(scale)",
                    at: location)
            case .double:
                throw FeedError(.badOptions, "the scale must be above 0", at: location)
            default:
                throw FeedError(
                    .badOptions, "only doubles and decimals have a scale, not \(type)",
                    at: location)
            }
        }
        if source == .fileDate {
            guard type == .date || type == .string else {
                throw FeedError(
                    .badOptions, "the file's date is a date or a string, not \(type)",
                    at: location)
            }
        }
    }
}
