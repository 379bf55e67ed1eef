public import Columnar

/// Where the rows of the log come from when the job fills it itself.
public enum FeedSpec: Hashable, Sendable {
    /// A simulated market.
    case simulator(SimulatorSpec)
    /// Delimited text files.
    case csv(CSVSpec)
    /// One JSON object a line.
    case json(JSONLinesSpec)

    /// The columns that the feed appends to the log; `nil` only while a job that has two columns
    /// of one name is being refused.
    var checkedSchema: Schema? {
        switch self {
        case .simulator: SimulatorSpec.schema
        case .csv(let spec): Self.schema(of: spec.columns, eventTime: spec.eventTime)
        case .json(let spec): Self.schema(of: spec.columns, eventTime: spec.eventTime)
        }
    }

    /// The columns that the feed appends to the log.
    public var schema: Schema {
        guard let schema = checkedSchema else {
            preconditionFailure("a loaded job's feed has columns of different names")
        }
        return schema
    }

    /// The name of the event-time column, a timestamp without nulls.
    public var eventTime: String {
        switch self {
        case .simulator: "event_time"
        case .csv(let spec): spec.eventTime
        case .json(let spec): spec.eventTime
        }
    }

    private static func schema(of columns: [FeedColumn], eventTime: String) -> Schema? {
        let fields = columns.map { column in
            let isEventTime = column.name.utf8.elementsEqual(eventTime.utf8)
            return Field(column.name, column.type, isNullable: column.isNullable && !isEventTime)
        }
        return Schema.duplicateName(in: fields) == nil ? Schema(fields) : nil
    }
}

/// A simulated market: the same spec gives the same ticks on every machine.
public struct SimulatorSpec: Hashable, Sendable {
    /// How a price moves from one tick of its symbol to the next.
    public enum PriceModel: String, CaseIterable, Sendable {
        /// By a share of itself: `volatility` is relative.
        case geometric
        /// By an amount: `volatility` is in units of the price.
        case gaussian
    }

    /// The event time of the first tick.
    public enum Start: Hashable, Sendable {
        /// The clock's time when the feed starts for the first time.
        case now
        /// A fixed time, µs since the epoch.
        case at(micros: Int64)
    }

    /// The symbols, each equally likely to tick; unique and not empty.
    public var symbols: [String]
    /// How many ticks in all; `nil` never ends.
    public var ticks: Int64?
    /// Ticks a second of real time; `nil` is as fast as possible.
    public var ticksPerSecond: Double?
    /// The event time of the first tick.
    public var start: Start
    /// Event time between two ticks of the feed, µs.
    public var intervalMicros: Int64
    /// Price of every symbol before its first step; `startPrices` overrides it.
    public var startPrice: Double
    /// Prices of single symbols before their first step.
    public var startPrices: [String: Double]
    /// How prices move.
    public var priceModel: PriceModel
    /// Standard deviation of one step, in the unit of the price model.
    public var volatility: Double
    /// Distance of bid and ask, in units of the price.
    public var spread: Double
    /// Size of a round lot; volumes are multiples of it.
    public var lotSize: Int64
    /// The share of ticks (0…1) whose event time is earlier than their place in the feed says.
    public var outOfOrderShare: Double
    /// The most by which such a tick is earlier, µs.
    public var outOfOrderMaxMicros: Int64
    /// Chooses one of 2^63 markets.
    public var seed: Int64

    /// The columns of every simulated tick.
    public static let schema = Schema([
        Field("symbol", .string, isNullable: false),
        Field("event_time", .timestamp, isNullable: false),
        Field("price", .double, isNullable: false),
        Field("volume", .long, isNullable: false),
        Field("bid", .double, isNullable: false),
        Field("ask", .double, isNullable: false),
    ])
}

/// Delimited text files.
public struct CSVSpec: Hashable, Sendable {
    /// What to read.
    public var input: FeedInput
    /// Whether the first record of every file names the fields.
    public var hasHeader: Bool
    /// The ASCII character between two fields.
    public var delimiter: Character
    /// The ASCII character around a field that holds delimiters, line ends or, doubled, itself.
    public var quote: Character
    /// A field without quotes that consists of this text is a null.
    public var nullText: String
    /// How many fields a record has; `nil` takes it from the first record of each file.
    public var fieldCount: Int?
    /// The columns, in order; names are unique.
    public var columns: [FeedColumn]
    /// The name of the event-time column, one of the columns and a timestamp.
    public var eventTime: String
}

/// One JSON object a line.
public struct JSONLinesSpec: Hashable, Sendable {
    /// What to read.
    public var input: FeedInput
    /// The columns, in order; names are unique.
    ///
    /// An origin `field` is the value's keys from the outside in, with dots.
    public var columns: [FeedColumn]
    /// The name of the event-time column, one of the columns and a timestamp.
    public var eventTime: String
}

/// The files of a feed and what becomes of records that do not parse.
public struct FeedInput: Hashable, Sendable {
    /// Paths or globs (`*`, `?`, `[…]`), read in this order; `-` is standard input.
    ///
    /// A glob's matches are read by the bytes of their paths. Compression is told from a file's
    /// first bytes.
    public var paths: [String]
    /// The most bytes of one record; a longer one is rejected.
    public var maxRecordBytes: Int
    /// The table that records go to that do not parse.
    public var rejectsPath: String
    /// The share of rejected records (0…1) beyond which the feed stops with an error.
    public var rejectsMaxShare: Double
}

/// A column that a feed makes out of text.
public struct FeedColumn: Hashable, Sendable {
    /// Where a column's text comes from.
    public enum Origin: Hashable, Sendable {
        /// The field of that name: in a CSV file's header; in JSON, keys with dots between them.
        case field(String)
        /// The field at that index of a CSV record, from 0.
        case index(Int)
        /// The same text in every row.
        case constant(String)
        /// The name of the file, without directories.
        case fileName
        /// The name of the directory that holds the file.
        case directory
        /// The date in the name of the file.
        case fileDate
    }

    /// How a timestamp is written; the raw value is the word of the job file.
    public enum TimestampFormat: String, CaseIterable, Sendable {
        /// ISO 8601; without an offset in the column's time zone.
        case iso
        /// Seconds since 1970-01-01T00:00:00Z.
        case epochSeconds = "epoch_s"
        /// Milliseconds since then.
        case epochMillis = "epoch_ms"
        /// Microseconds since then.
        case epochMicros = "epoch_us"
        /// Nanoseconds since then; what is below a microsecond is cut off.
        case epochNanos = "epoch_ns"
        /// Milliseconds since midnight, in the column's time zone, of the date in the file's name.
        case millisSinceMidnight = "ms_since_midnight"
    }

    /// How a date is written; the raw value is the word of the job file.
    public enum DateFormat: String, CaseIterable, Sendable {
        /// `2013-10-07`.
        case iso
        /// `20131007`.
        case basic = "yyyymmdd"
    }

    /// How letters are changed.
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
    public var isNullable: Bool
    /// How timestamps are written, for type `timestamp`.
    public var timestampFormat: TimestampFormat
    /// How dates are written, for type `date`.
    public var dateFormat: DateFormat
    /// The zone of times without an offset, of the IANA database, for type `timestamp`.
    public var timeZone: String
    /// The number in the text is this many times the value: 10000 reads `139400` as 13.94.
    ///
    /// At least 1; for decimals a power of ten.
    public var scale: Int64
    /// How letters are changed, for type `string`.
    public var letterCase: LetterCase?
}
