public import Columnar

/// Where the rows of the log come from when the job fills it itself.
public enum FeedSpec: Hashable, Sendable {
    /// A simulated market.
    case simulator(SimulatorSpec)
    /// Delimited text files.
    case csv(CSVSpec)
    /// One JSON object a line.
    case json(JSONLinesSpec)

    /// The columns that the feed appends to the log.
    public var schema: Schema {
        switch self {
        case .simulator: SimulatorSpec.schema
        case .csv(let spec): Self.schema(of: spec.columns.map(\.column), eventTime: spec.eventTime)
        case .json(let spec): Self.schema(of: spec.fields.map(\.column), eventTime: spec.eventTime)
        }
    }

    /// The name of the event-time column, a timestamp without nulls.
    public var eventTime: String {
        switch self {
        case .simulator: "event_time"
        case .csv(let spec): spec.eventTime
        case .json(let spec): spec.eventTime
        }
    }

    private static func schema(of columns: [FeedColumn], eventTime: String) -> Schema {
        Schema(
            columns.map { column in
                let isEventTime = column.name.utf8.elementsEqual(eventTime.utf8)
                return Field(
                    column.name, column.type, isNullable: column.isNullable && !isEventTime)
            })
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
    /// Where a column's text comes from.
    public enum Origin: Hashable, Sendable {
        /// The field under that name in the header line.
        case header(String)
        /// The field at that index, from 0.
        case index(Int)
        /// The same text in every row; `{name}` stands for what `pathPattern` found in the path.
        case constant(PathTemplate)
    }

    /// A column and where its text comes from.
    public struct Mapping: Hashable, Sendable {
        /// The column.
        public var column: FeedColumn
        /// Where its text comes from.
        public var origin: Origin
    }

    /// What to read.
    public var input: FeedInput
    /// Whether the first record of every file names the fields.
    public var hasHeader: Bool
    /// The byte between two fields.
    public var delimiter: UInt8
    /// The byte around a field that holds delimiters, or `nil` for files without quoting.
    public var quote: UInt8?
    /// The columns, in order; names are unique.
    public var columns: [Mapping]
    /// The name of the event-time column, one of the columns and a timestamp.
    public var eventTime: String
    /// What may be where in a path, for `constant` columns and dates; `nil` when none is used.
    public var pathPattern: PathTemplate?
}

/// One JSON object a line.
public struct JSONLinesSpec: Hashable, Sendable {
    /// A column and where its value stands in an object.
    public struct Mapping: Hashable, Sendable {
        /// The column.
        public var column: FeedColumn
        /// The keys from the outside in: `a.b.c` is `["a", "b", "c"]`.
        public var keys: [String]
    }

    /// What to read.
    public var input: FeedInput
    /// The columns, in order; names are unique.
    public var fields: [Mapping]
    /// The name of the event-time column, one of the columns and a timestamp.
    public var eventTime: String
    /// What may be where in a path, for dates; `nil` when none is used.
    public var pathPattern: PathTemplate?
}

/// The files of a feed and what becomes of rows that do not parse.
public struct FeedInput: Hashable, Sendable {
    /// How files are compressed.
    public enum Compression: String, CaseIterable, Sendable {
        /// By the file's first bytes.
        case auto
        /// Not at all.
        case none
        /// gzip, one or several members.
        case gzip
        /// A zip archive; its files are read in the archive's order.
        case zip
    }

    /// Paths or globs (`*`, `?`, `[…]`), read in this order, a glob's matches by name; `-` is
    /// standard input.
    public var paths: [String]
    /// How files are compressed.
    public var compression: Compression
    /// The most bytes of one record; a longer one is rejected.
    public var maxRecordBytes: Int
    /// The table that rows go to that do not parse.
    public var rejectsPath: String
    /// The share of rejected rows (0…1) beyond which the feed stops with an error.
    public var rejectsMaxShare: Double
}

/// A column that a feed makes out of text.
public struct FeedColumn: Hashable, Sendable {
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
    /// Whether an absent or empty field is null; otherwise the row is rejected.
    public var isNullable: Bool
    /// How timestamps are written; meaningful for type `timestamp` only.
    public var timestampFormat: TimestampFormat
    /// What the number in the text is divided by: 10000 for prices in hundredths of a cent.
    public var divisor: Double
    /// How letters are changed, for type `string`.
    public var letterCase: LetterCase?
}

/// How a timestamp is written.
public enum TimestampFormat: Hashable, Sendable {
    /// A unit of time, by how many make a second.
    public enum Unit: Int64, CaseIterable, Sendable {
        /// Seconds.
        case seconds = 1
        /// Milliseconds.
        case milliseconds = 1_000
        /// Microseconds.
        case microseconds = 1_000_000
        /// Nanoseconds; digits beyond a microsecond are cut.
        case nanoseconds = 1_000_000_000
    }

    /// ISO 8601 (`2026-01-05T14:30:00.123Z`, also with a space or an offset); without an offset
    /// the time is UTC.
    case iso
    /// A count since 1970-01-01T00:00:00Z.
    case epoch(Unit)
    /// A count since midnight of a date, in a time zone of the IANA database.
    case sinceMidnight(Unit, date: PathTemplate, timeZone: String)
}

/// Text with `{name}` places: a pattern that a path must end with, or text filled in from one.
///
/// As a pattern, a place matches one or more characters other than `/`, as few as possible, and
/// the pattern is compared with the end of the path at a `/`.
public struct PathTemplate: Hashable, Sendable {
    /// A piece of the template.
    public enum Part: Hashable, Sendable {
        /// Text as it is.
        case text(String)
        /// A place of that name.
        case place(String)
    }

    /// The pieces in order.
    public let parts: [Part]

    /// The names of the places, in order.
    public var names: [String] {
        parts.compactMap { if case .place(let name) = $0 { name } else { nil } }
    }
}
