public import Columnar

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
