import ConnectorAPI

extension SimulatorSpec {
    static let pricesMax = 1e9
    /// Their prices, 16 digits each, must fit a position in the log (64 KiB).
    static let symbolsMax = 4_000

    /// Everything that the content depends on: not how fast or how much of it is read.
    var identity: FeedIdentity {
        FeedIdentity(
            Self.word,
            symbols.map { "\($0)=\((startPrices[$0] ?? startPrice).bitPattern)" } + [
                "\(seed)", "\(start)", "\(intervalMicros)", priceModel.rawValue,
                "\(volatility.bitPattern)", "\(spread.bitPattern)", "\(lotSize)",
                "\(outOfOrderShare.bitPattern)", "\(outOfOrderMaxMicros)",
            ])
    }
}
