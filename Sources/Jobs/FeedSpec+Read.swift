import Columnar
import JSON

extension FeedSpec {
    init(_ object: CheckedObject) {
        switch object.string("format") {
        case "simulator": self = .simulator(SimulatorSpec(object))
        case "csv": self = .csv(CSVSpec(object))
        default: self = .json(JSONLinesSpec(object))
        }
    }
}

extension SimulatorSpec {
    private static let intervalMicrosDefault: Int64 = 10_000

    init(_ object: CheckedObject) {
        symbols = object.strings("symbols")
        ticks = object.optional("ticks")?.int64Value.flatMap { $0 == 0 ? nil : $0 }
        ticksPerSecond = object.optional("rate")?.doubleValue
        let start = object.string("start")
        self.start = start == "now" ? .now : .at(micros: object.micros("start"))
        intervalMicros =
            if object.optional("interval") != nil {
                object.durationMicros("interval")
            } else if let ticksPerSecond {
                // Rates above a tick a microsecond still need time to go on.
                Int64(max(1, min(1e12, (1e6 / ticksPerSecond).rounded())))
            } else {
                Self.intervalMicrosDefault
            }
        startPrice = object.double("startPrice")
        startPrices = [:]
        for member in object.optional("startPrices")?.members ?? [] {
            startPrices[member.key] = member.value.doubleValue
        }
        priceModel = object.choice("priceModel", PriceModel.self)
        volatility =
            object.optional("volatility")?.doubleValue
            ?? (priceModel == .geometric ? 0.0002 : 0.02)
        spread = object.double("spread")
        lotSize = object.integer("lotSize")
        outOfOrderShare = object.double("outOfOrderShare")
        outOfOrderMaxMicros = object.durationMicros("outOfOrderMax")
        seed = object.integer("seed")
    }
}

extension FeedInput {
    init(_ object: CheckedObject) {
        let paths = object.optional("paths")
        self.paths = paths?.stringValue.map { [$0] } ?? object.strings("paths")
        compression = object.choice("compression", Compression.self)
        maxRecordBytes = object.int("maxRecordBytes")
        rejectsPath = object.object("rejects").string("path")
        rejectsMaxShare = object.object("rejects").double("maxShare")
    }
}

extension FeedColumn {
    init(_ object: CheckedObject) {
        name = object.string("name")
        type = object.type("type")
        isNullable = object.bool("nullable")
        divisor = object.double("divideBy")
        letterCase = object.optional("case")?.stringValue.flatMap(LetterCase.init)
        let format = object.string("format")
        let unit = JobFormat.timestampFormats.first { $0.name == format }?.unit
        if let unit {
            timestampFormat =
                format.hasPrefix("epoch_")
                ? .epoch(unit)
                : .sinceMidnight(
                    unit, date: object.template("date") ?? PathTemplate(parts: []),
                    timeZone: object.string("timeZone"))
        } else {
            timestampFormat = .iso
        }
    }
}

extension CSVSpec {
    init(_ object: CheckedObject) {
        input = FeedInput(object)
        let hasHeader = object.bool("header")
        self.hasHeader = hasHeader
        delimiter = object.byte("delimiter") ?? UInt8(ascii: ",")
        quote = object.byte("quote")
        columns = object.objects("columns").enumerated().map { position, column in
            Mapping(
                column: FeedColumn(column),
                origin: Origin(column, position: position, hasHeader: hasHeader))
        }
        eventTime = object.string("eventTime")
        pathPattern = object.template("pathPattern")
    }
}

extension CSVSpec.Origin {
    fileprivate init(_ column: CheckedObject, position: Int, hasHeader: Bool) {
        if let value = column.template("value") {
            self = .constant(value)
        } else if let index = column.optional("from")?.int64Value {
            self = .index(Int(index))
        } else if let name = column.optional("from")?.stringValue {
            self = .header(name)
        } else {
            self = hasHeader ? .header(column.string("name")) : .index(position)
        }
    }
}

extension JSONLinesSpec {
    init(_ object: CheckedObject) {
        input = FeedInput(object)
        fields = object.objects("fields").map { field in
            let path = field.optional("path")?.stringValue
            let keys = path?.split(separator: ".", omittingEmptySubsequences: false).map(
                String.init)
            return Mapping(column: FeedColumn(field), keys: keys ?? [field.string("name")])
        }
        eventTime = object.string("eventTime")
        pathPattern = object.template("pathPattern")
    }
}

extension CheckedObject {
    fileprivate func byte(_ key: String) -> UInt8? { optional(key)?.stringValue?.utf8.first }
}
