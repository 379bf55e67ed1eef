/// What a simulated market looks like.
///
/// The same options give the same ticks on every machine.
public struct SimulatorOptions: Sendable, Equatable {
    /// How a price moves from one of its ticks to the next.
    public enum Walk: String, Sendable {
        /// By a share of itself: `volatility` is relative.
        case geometric
        /// By an amount: `volatility` is in units of the price.
        case gaussian
    }

    /// The symbols, each equally likely to tick.
    public var symbols: [String] = ["IBM", "AAPL", "MSFT", "TSLA", "AMZN"]
    /// How many ticks in all; `nil` never ends.
    public var ticks: Int64?
    /// Chooses one of 2^64 markets.
    public var seed: UInt64 = 1
    /// Event time of the first tick, µs since the epoch; `nil` is the time of the first start.
    public var startMicros: Int64? = 1_767_623_400_000_000  // 2026-01-05T14:30:00Z
    /// Event time between two ticks, µs.
    public var intervalMicros: Int64 = 1_000
    /// How prices move.
    public var walk = Walk.geometric
    /// Standard deviation of one step.
    public var volatility = 0.0002
    /// Price of every symbol before its first step; `startPrices` overrides it.
    public var startPrice = 100.0
    /// Prices of single symbols before their first step.
    public var startPrices: [String: Double] = [:]
    /// Distance of bid and ask, in units of the price; rounded to cents.
    public var spread = 0.02
    /// Size of a round lot.
    public var lotSize: Int64 = 100
    /// The share of ticks (0…1) whose event time is earlier than their place in the feed says.
    public var outOfOrderShare = 0.0
    /// The most by which such a tick is earlier, µs.
    public var outOfOrderMaxMicros: Int64 = 0
    /// Ticks a second of real time; `nil` is as fast as possible.
    public var rowsPerSecond: Double?

    /// Five symbols at 100, a tick each millisecond of event time, without end.
    public init() {}

    static let pricesMax = 1e9
    /// Their prices, 16 digits each, must fit a position in the log (64 KiB).
    static let symbolsMax = 4_000

    func validate() throws(FeedError) {
        func require(_ holds: Bool, _ option: String, _ rule: String) throws(FeedError) {
            guard holds else { throw FeedError(.badOptions, rule, at: "simulator.\(option)") }
        }
        let distinct = Set(symbols.map { Array($0.utf8) })
        try require(
            !symbols.isEmpty && symbols.count <= Self.symbolsMax, "symbols",
            "give between 1 and \(Self.symbolsMax) symbols")
        try require(distinct.count == symbols.count, "symbols", "a symbol is listed twice")
        try require((ticks ?? 0) >= 0, "ticks", "the number of ticks cannot be negative")
        try require(
            intervalMicros >= 0 && intervalMicros <= 86_400_000_000, "interval",
            "the time between ticks must lie between 0 and one day")
        try require(
            startMicros.map { abs($0) <= timestampMicrosMax } ?? true, "start",
            "the start must lie between the years 1 and 9999")
        try require(
            volatility >= 0 && volatility <= (walk == .geometric ? 0.1 : 1e6), "volatility",
            "must lie between 0 and \(walk == .geometric ? "0.1" : "1000000")")
        for (name, price) in [("", startPrice)] + startPrices.sorted(by: { $0.key < $1.key }) {
            try require(
                price >= 0.01 && price <= 1e7, "startPrice",
                "the start price\(name.isEmpty ? "" : " of \(name)") must lie between 0.01 and 1e7")
            try require(
                name.isEmpty || symbols.contains(name), "startPrices",
                "'\(name)' is not one of the symbols\(suggestion(for: name, among: symbols))")
        }
        try require(spread >= 0 && spread <= 1e6, "spread", "must lie between 0 and 1000000")
        try require(
            lotSize >= 1 && lotSize <= 1_000_000_000, "lotSize", "must lie between 1 and 1e9")
        try require(
            outOfOrderShare >= 0 && outOfOrderShare <= 1, "outOfOrderShare",
            "must lie between 0 and 1")
        try require(
            outOfOrderMaxMicros >= 0 && outOfOrderMaxMicros <= 86_400_000_000, "outOfOrderMax",
            "must lie between 0 and one day")
        try require(
            rowsPerSecond.map { $0 > 0 && $0.isFinite } ?? true, "rowsPerSecond",
            "must be above 0; leave it out for as fast as possible")
    }

    /// Everything that the content depends on: not how fast or how much of it is read.
    var identity: String {
        feedIdentity(
            "simulator",
            symbols.map { "\($0)=\((startPrices[$0] ?? startPrice).bitPattern)" } + [
                "\(seed)", startMicros.map { "\($0)" } ?? "now", "\(intervalMicros)",
                walk.rawValue, "\(volatility.bitPattern)", "\(spread.bitPattern)", "\(lotSize)",
                "\(outOfOrderShare.bitPattern)", "\(outOfOrderMaxMicros)",
            ])
    }
}
