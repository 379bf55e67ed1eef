import Columnar
public import ConnectorAPI
import JSON
public import Settings

/// A simulated market as a feed.
public let simulatorFeed = FeedFormat(
    shape: ObjectShape(
        name: "simulatorFeed",
        summary: "A simulated market. The same settings give the same ticks on every machine. Its "
            + "columns are symbol, event_time, price, volume, bid and ask.",
        tag: SimulatorSpec.word, keys: keys)
) { SimulatorSpec($0) }

private let keys: [KeyShape] = [
    .optional(
        "symbols", .list(.text(.name), count: 1...SimulatorSpec.symbolsMax),
        "The symbols, each equally likely to tick.",
        default: ["IBM", "AAPL", "MSFT", "TSLA", "AMZN"]),
    .optional(
        "ticks", .oneOf([.integer(0...Int64.max), .null]),
        "How many ticks in all; 0 or null never ends.", default: .null, examples: [2_000_000]),
    .optional(
        "rate", .oneOf([.choice(["max"]), .number(0...1_000_000_000, aboveLower: true)]),
        "Ticks a second of real time; `max` is as fast as possible.", default: "max",
        examples: ["max", 1_000]),
    .optional(
        "start", .text(.startTime),
        "Event time of the first tick; `now` is the clock's when the feed first starts.",
        default: "2026-01-05T14:30:00Z", examples: ["2026-01-05T14:30:00Z", "now"]),
    .optional(
        "interval", .text(.duration), "Event time between two ticks.",
        absence: "1 second / `rate`; 10 ms when the rate is `max`", examples: ["10 ms"]),
    .optional(
        "startPrice", .number(0.01...10_000_000), "Every symbol's price at the start.",
        default: 100),
    .optional(
        "startPrices", .map(.number(0.01...10_000_000)), "Prices of single symbols at the start.",
        default: [:], examples: [["IBM": 185.5]]),
    .optional(
        "priceModel", .choice(SimulatorSpec.PriceModel.allCases.map(\.rawValue)),
        "`geometric`: a step is a share of the price; `gaussian`: an amount.",
        default: "geometric"),
    .optional(
        "volatility", .number(0...1_000_000),
        "Standard deviation of a step: at most 0.1 for `geometric`.",
        absence: "0.0002 for `geometric`, 0.02 for `gaussian`", examples: [0.0002]),
    .optional("spread", .number(0...1_000_000), "Distance of bid and ask.", default: 0.02),
    .optional(
        "lotSize", .integer(1...1_000_000_000), "Volumes are multiples of this.", default: 100),
    .optional(
        "outOfOrderShare", .number(0...1), "The share of ticks that come late.", default: 0,
        examples: [0.01]),
    .optional(
        "outOfOrderMax", .text(.duration), "How late they come at most; up to 1 day.",
        default: "0 seconds", examples: ["2 seconds"]),
    .optional("seed", .integer(0...Int64.max), "Chooses another market.", default: 1),
]

extension SimulatorSpec: FeedSpec {
    static let word = "simulator"

    init(_ object: SettingsReader) {
        self.init()
        symbols = object.strings("symbols")
        ticks = object.optionalInteger("ticks").flatMap { $0 == 0 ? nil : $0 }
        ticksPerSecond = object.optional("rate")?.doubleValue
        start = object.string("start") == "now" ? .now : .at(micros: object.micros("start"))
        if let interval = object.optionalDurationMicros("interval") {
            intervalMicros = interval
        } else if let ticksPerSecond {
            // Rates above a tick a microsecond still need time to go on.
            intervalMicros = Int64(max(1, min(1e12, (1e6 / ticksPerSecond).rounded())))
        }
        startPrice = object.double("startPrice")
        for member in object.optional("startPrices")?.members ?? [] {
            startPrices[member.key] = member.value.doubleValue
        }
        priceModel = object.choice("priceModel", PriceModel.self)
        volatility = object.optional("volatility")?.doubleValue ?? priceModel.usualVolatility
        spread = object.double("spread")
        lotSize = object.integer("lotSize")
        outOfOrderShare = object.double("outOfOrderShare")
        outOfOrderMaxMicros = object.durationMicros("outOfOrderMax")
        seed = object.integer("seed")
    }

    /// The columns of every simulated tick.
    public var declaredColumns: SourceColumns? {
        SourceColumns(schema: Self.schema, timeColumn: Self.eventTime)
    }

    /// Where the number of ticks is given.
    public var isBounded: Bool { ticks != nil }

    /// Every tick is whole.
    public var malformedTable: OwnedPlace? { nil }

    /// How many ticks, of how many symbols, and the seed.
    public var summary: String {
        let ticks = ticks.map { counted($0, "tick") } ?? "ticks without end"
        let rate = ticksPerSecond.map { ", \(Int64($0)) a second" } ?? ""
        return "\(Self.word): \(ticks) of \(counted(Int64(symbols.count), "symbol"))\(rate), "
            + "seed \(seed)"
    }

    private static let dayMicros: Int64 = 86_400_000_000

    /// Notes symbols that occur twice or are unknown, and steps that are too long.
    public func check(_ faults: inout SettingFaults) {
        faults.requireUnique(symbols) { .here["symbols"][$0] }
        let known = Set(symbols)
        let strangers = startPrices.keys.filter { !known.contains($0) }.sorted()
        for symbol in strangers.prefix(SettingFaults.countMax) {
            let similar = nearest(to: symbol, among: symbols)
            faults.note(
                .unknownName,
                "\"\(symbol.escapedForMessage)\" is not one of the symbols." + didYouMean(similar),
                at: .here["startPrices"][symbol], suggestion: similar)
        }
        if priceModel == .geometric, volatility > 0.1 {
            faults.note(
                .badValue,
                "The geometric model's volatility is a share of the price, at most 0.1; "
                    + "found \(volatility.short).", at: .here["volatility"])
        }
        if intervalMicros > Self.dayMicros {
            faults.note(.badValue, "Ticks are at most 1 day apart.", at: .here["interval"])
        }
        if outOfOrderMaxMicros > Self.dayMicros {
            faults.note(.badValue, "Ticks come at most 1 day late.", at: .here["outOfOrderMax"])
        }
    }

    /// The market before its first tick.
    public func make(_ place: FeedPlace) throws(ConnectorError) -> any Feed {
        try connectorErrors {
            try SimulatorFeed(self, time: place.time)
        }
    }
}
