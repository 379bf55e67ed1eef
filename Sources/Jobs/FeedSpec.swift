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
        case .simulator: SimulatorSpec.eventTime
        case .csv(let spec): spec.eventTime
        case .json(let spec): spec.eventTime
        }
    }

    private static func schema(of columns: [FeedColumn], eventTime: String) -> Schema? {
        let fields = FeedColumn.fields(of: columns, eventTime: eventTime)
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

        /// The volatility of a spec that says none.
        var usualVolatility: Double {
            switch self {
            case .geometric: 0.0002
            case .gaussian: 0.02
            }
        }
    }

    /// The event time of the first tick.
    public enum Start: Hashable, Sendable {
        /// The clock's time when the feed starts for the first time.
        case now
        /// A fixed time, µs since the epoch.
        case at(micros: Int64)
    }

    /// The symbols, each equally likely to tick; unique and not empty.
    public var symbols = ["IBM", "AAPL", "MSFT", "TSLA", "AMZN"]
    /// How many ticks in all; `nil` never ends.
    public var ticks: Int64?
    /// Ticks a second of real time; `nil` is as fast as possible.
    public var ticksPerSecond: Double?
    /// The event time of the first tick.
    public var start = Start.at(micros: 1_767_623_400_000_000)  // 2026-01-05T14:30:00Z
    /// Event time between two ticks of the feed, µs.
    public var intervalMicros: Int64 = 10_000
    /// Price of every symbol before its first step; `startPrices` overrides it.
    public var startPrice = 100.0
    /// Prices of single symbols before their first step.
    public var startPrices: [String: Double] = [:]
    /// How prices move.
    public var priceModel = PriceModel.geometric
    /// Standard deviation of one step, in the unit of the price model.
    public var volatility = PriceModel.geometric.usualVolatility
    /// Distance of bid and ask, in units of the price; rounded to cents.
    public var spread = 0.02
    /// Size of a round lot; volumes are multiples of it.
    public var lotSize: Int64 = 100
    /// The share of ticks (0…1) whose event time is earlier than their place in the feed says.
    public var outOfOrderShare = 0.0
    /// The most by which such a tick is earlier, µs.
    public var outOfOrderMaxMicros: Int64 = 0
    /// Chooses one of 2^63 markets.
    public var seed: Int64 = 1

    /// What a job's simulator is that says nothing more: five symbols at 100, a tick each 10 ms of
    /// event time, without end.
    public init() {}

    /// The columns of every simulated tick.
    public static let schema = Schema([
        Field("symbol", .string, isNullable: false),
        Field(eventTime, .timestamp, isNullable: false),
        Field("price", .double, isNullable: false),
        Field("volume", .long, isNullable: false),
        Field("bid", .double, isNullable: false),
        Field("ask", .double, isNullable: false),
    ])
    /// The name of the event-time column.
    public static let eventTime = "event_time"
}

/// Delimited text files.
public struct CSVSpec: Hashable, Sendable {
    /// What to read.
    public var input: FeedInput
    /// Whether the first record of every file names the fields.
    public var hasHeader = true
    /// The ASCII character between two fields.
    public var delimiter: Character = ","
    /// The ASCII character around a field that holds delimiters, line ends or, doubled, itself.
    public var quote: Character = "\""
    /// A field without quotes that consists of this text is a null.
    public var nullText = ""
    /// How many fields a record has; `nil` takes it from the first record of each file.
    public var fieldCount: Int?
    /// The columns, in order; names are unique.
    public var columns: [FeedColumn]
    /// The name of the event-time column, one of the columns and a timestamp.
    public var eventTime: String

    /// Files with a header and commas between fields; an empty field is a null.
    public init(_ input: FeedInput, columns: [FeedColumn], eventTime: String) {
        self.input = input
        self.columns = columns
        self.eventTime = eventTime
    }
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

    /// Files of JSON lines.
    public init(_ input: FeedInput, columns: [FeedColumn], eventTime: String) {
        self.input = input
        self.columns = columns
        self.eventTime = eventTime
    }
}

/// The files of a feed and what becomes of records that do not parse.
public struct FeedInput: Hashable, Sendable {
    /// Paths or globs (`*`, `?`, `[…]`), read in this order; `-` is standard input.
    ///
    /// A glob's matches are read by the bytes of their paths. Compression is told from a file's
    /// first bytes.
    public var paths: [String]
    /// The most bytes of one record; a longer one is rejected.
    public var maxRecordBytes = 1 << 20
    /// The table that records go to that do not parse.
    public var rejectsPath = "lake/rejects"
    /// The share of rejected records (0…1) beyond which the feed stops with an error, once it has
    /// read 1,000.
    public var rejectsMaxShare = 0.1
    /// Whether the last file may still grow: its last line, while it has no line end, is then left
    /// for the next time.
    public var follows = false

    /// Files whose records have at most 1 MiB, and of which at most a tenth does not parse.
    public init(_ paths: [String]) { self.paths = paths }
}
