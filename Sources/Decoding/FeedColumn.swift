public import Columnar

/// A column that a feed makes out of text.
public struct FeedColumn: Hashable, Sendable {
    /// Where a column's text comes from.
    public enum Origin: Hashable, Sendable {
        /// The field of that name: in a CSV file's header; in JSON, keys from the outside in, with
        /// dots (`trade.price`).
        case field(String)
        /// The field at that index of a CSV record, from 0.
        case index(Int)
        /// Two fields of a CSV record with a blank between them, for a date and a time: each a
        /// name or an index.
        indirect case joined(Origin, Origin)
        /// The same text in every row.
        case constant(String)
        /// The name of the file, without directories.
        case fileName
        /// The name of the directory that holds the file.
        case directory
        /// The date in the name of the file: `yyyymmdd` or `yyyy-mm-dd`.
        case fileDate
    }

    /// How a timestamp is written; the raw value is the word of the job file.
    public enum TimestampFormat: String, CaseIterable, Sendable {
        /// As Spark casts a string: `2013-10-07`, `2013-10-07 09:30:00.123456`, `…T09:30:00Z`,
        /// `… +05:30`; without an offset in the column's time zone.
        case iso
        /// Seconds since 1970-01-01T00:00:00Z; here and below a fraction is allowed, and what is
        /// below a microsecond is cut off.
        case epochSeconds = "epoch_s"
        /// Milliseconds since then.
        case epochMillis = "epoch_ms"
        /// Microseconds since then.
        case epochMicros = "epoch_us"
        /// Nanoseconds since then; rounded down to microseconds.
        case epochNanos = "epoch_ns"
        /// Milliseconds of the wall clock since midnight of the date in the file's name, in the
        /// column's time zone.
        case millisSinceMidnight = "ms_since_midnight"
        /// The same in seconds, with a fraction.
        case secondsSinceMidnight = "s_since_midnight"
    }

    /// How a date is written; the raw value is the word of the job file.
    public enum DateFormat: String, CaseIterable, Sendable {
        /// `2013-10-07`, as Spark casts a string.
        case iso
        /// `20131007`.
        case basic = "yyyymmdd"
    }

    /// How ASCII letters are changed.
    public enum LetterCase: String, CaseIterable, Sendable {
        /// To upper case.
        case upper
        /// To lower case.
        case lower
    }

    /// The name of the column in the log.
    public var name: String
    /// The type of the column in the log.
    public var type: DataType
    /// Where its text comes from.
    public var origin: Origin
    /// Whether an absent or empty field is null; otherwise the record is rejected.
    public var isNullable = true
    /// How timestamps are written, for type `timestamp`.
    public var timestampFormat = TimestampFormat.iso
    /// How dates are written, for type `date`.
    public var dateFormat = DateFormat.iso
    /// How timestamps or dates are written, in the letters of Spark's `timestampFormat`; `nil` is
    /// as the other formats say.
    public var timePattern: String?
    /// What stands before the decimals of a number, for numbers.
    public var decimalMark: Character = "."
    /// What stands between groups of three digits, for numbers.
    public var groupMark: Character?
    /// The zone of times without an offset, for type `timestamp`: of the IANA database
    /// (`America/New_York`), `UTC` or an offset (`+05:30`).
    public var timeZone = "UTC"
    /// The number in the text is this many times the value: 10000 reads `139400` as 13.94.
    ///
    /// For doubles, and for decimals, where it is a power of ten; at least 1.
    public var scale: Int64 = 1
    /// How letters are changed, for type `string`.
    public var letterCase: LetterCase?

    /// A column that takes the field of its own name, unless told where else its text comes from.
    public init(_ name: String, _ type: DataType, from origin: Origin? = nil) {
        self.name = name
        self.type = type
        self.origin = origin ?? .field(name)
    }

    /// `scale` as a power of ten, or `nil` when it is none.
    public var scaleExponent: Int? {
        var rest = scale
        var exponent = 0
        while rest >= 10, rest % 10 == 0 {
            rest /= 10
            exponent += 1
        }
        return rest == 1 ? exponent : nil
    }

    /// The columns as the log has them: the event time is never null.
    public static func fields(of columns: [FeedColumn], eventTime: String) -> [Field] {
        columns.map { column in
            let isEventTime = column.name.utf8.elementsEqual(eventTime.utf8)
            return Field(column.name, column.type, isNullable: column.isNullable && !isEventTime)
        }
    }
}

extension FeedColumn.Origin {
    /// The names of the fields that are read.
    var fieldNames: [String] {
        switch self {
        case .field(let name): [name]
        case .joined(let first, let second): first.fieldNames + second.fieldNames
        default: []
        }
    }

    /// The fields that are read: one, or two that are joined.
    var parts: [FeedColumn.Origin] {
        if case .joined(let first, let second) = self { [first, second] } else { [self] }
    }
}

extension FeedColumn {
    /// What a text must be for the column to take it: `event_time timestamp(iso)`.
    public var wanted: String {
        switch type {
        case .timestamp: "\(name) timestamp(\(timePattern ?? timestampFormat.rawValue))"
        case .date: "\(name) date(\(dateFormat.rawValue))"
        default: "\(name) \(type)"
        }
    }
}
