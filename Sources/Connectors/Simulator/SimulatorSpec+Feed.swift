import ConnectorAPI
import Decoding
import Jobs

extension SimulatorSpec {
    static let pricesMax = 1e9
    /// Their prices, 16 digits each, must fit a position in the log (64 KiB).
    static let symbolsMax = 4_000

    func validate() throws(ConnectorError) {
        func require(_ holds: Bool, _ option: String, _ rule: String) throws(ConnectorError) {
            guard holds else {
                throw ConnectorError(
                    "badOptions", rule, at: "simulator.\(option)", fault: .settings)
            }
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
        if case .at(let micros) = start {
            try require(
                micros.magnitude <= timestampMicrosMax.magnitude, "start",
                "the start must lie between the years 1 and 9999")
        }
        try require(
            volatility >= 0 && volatility <= (priceModel == .geometric ? 0.1 : 1e6), "volatility",
            "must lie between 0 and \(priceModel == .geometric ? "0.1" : "1000000")")
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
            ticksPerSecond.map { $0 > 0 && $0.isFinite } ?? true, "rate",
            "must be above 0; leave it out for as fast as possible")
    }

    /// Everything that the content depends on: not how fast or how much of it is read.
    var identity: FeedIdentity {
        FeedIdentity(
            "simulator",
            symbols.map { "\($0)=\((startPrices[$0] ?? startPrice).bitPattern)" } + [
                "\(seed)", "\(start)", "\(intervalMicros)", priceModel.rawValue,
                "\(volatility.bitPattern)", "\(spread.bitPattern)", "\(lotSize)",
                "\(outOfOrderShare.bitPattern)", "\(outOfOrderMaxMicros)",
            ])
    }
}
