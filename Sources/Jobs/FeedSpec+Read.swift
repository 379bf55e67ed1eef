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
    init(_ object: CheckedObject) {
        self.init()
        symbols = object.strings("symbols")
        ticks = object.optional("ticks")?.int64Value.flatMap { $0 == 0 ? nil : $0 }
        ticksPerSecond = object.optional("rate")?.doubleValue
        let start = object.string("start")
        self.start = start == "now" ? .now : .at(micros: object.micros("start"))
        if object.optional("interval") != nil {
            intervalMicros = object.durationMicros("interval")
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
}

extension FeedInput {
    init(_ object: CheckedObject) {
        paths = object.oneOrMoreStrings("paths")
        maxRecordBytes = object.int("maxRecordBytes")
        rejectsPath = object.object("rejects").string("path")
        rejectsMaxShare = object.object("rejects").double("maxShare")
    }
}

extension CSVSpec {
    init(_ object: CheckedObject) { self.init(object, FeedInput(object)) }

    init(_ object: CheckedObject, _ input: FeedInput) {
        self.input = input
        let hasHeader = object.bool("header")
        self.hasHeader = hasHeader
        delimiter = object.character("delimiter")
        quote = object.character("quote")
        nullText = object.string("nullText")
        fieldCount = object.optional("fieldCount")?.int64Value.map { Int($0) }
        columns = object.objects("columns").enumerated().map { position, column in
            FeedColumn(
                column, field: column.optional("from"),
                otherwise: hasHeader ? .field(column.string("name")) : .index(position))
        }
        eventTime = object.string("eventTime")
    }
}

extension JSONLinesSpec {
    init(_ object: CheckedObject) { self.init(object, FeedInput(object)) }

    init(_ object: CheckedObject, _ input: FeedInput) {
        self.input = input
        columns = object.objects("fields").map { field in
            FeedColumn(
                field, field: field.optional("path"), otherwise: .field(field.string("name")))
        }
        eventTime = object.string("eventTime")
    }
}

extension FeedColumn {
    /// A column whose text comes from what `value` or `fromPath` say, or from a field.
    fileprivate init(_ object: CheckedObject, field: JSONValue?, otherwise: Origin) {
        name = object.string("name")
        type = object.type("type")
        isNullable = object.bool("nullable")
        let format = object.string("format")
        timestampFormat = TimestampFormat(rawValue: format) ?? .iso
        dateFormat = DateFormat(rawValue: format) ?? .iso
        timeZone = object.string("timeZone")
        scale = object.integer("scale")
        letterCase = object.optional("case")?.stringValue.flatMap(LetterCase.init)
        origin =
            if let constant = object.optional("value")?.stringValue {
                .constant(constant)
            } else if let part = object.optional("fromPath")?.stringValue {
                JobFormat.pathParts.first { $0.name == part }?.origin ?? otherwise
            } else if let index = field?.int64Value {
                .index(Int(index))
            } else {
                field?.stringValue.map { .field($0) } ?? otherwise
            }
    }
}

extension FileSourceSpec {
    init(_ object: CheckedObject) {
        let paths = object.oneOrMoreStrings("path")
        var input = FeedInput(paths)
        if object.optional("maxRecordBytes") != nil {
            input.maxRecordBytes = object.int("maxRecordBytes")
        }
        let format = object.string("format")
        self.init(
            format == "csv"
                ? .csv(CSVSpec(object, input))
                : format == "json" ? .json(JSONLinesSpec(object, input)) : .parquet, paths: paths)
        pathGlobFilter = object.optional("pathGlobFilter")?.stringValue
        maxFilesPerTrigger = object.optional("maxFilesPerTrigger")?.int64Value.map { Int($0) }
        maxBytesPerTrigger = object.optional("maxBytesPerTrigger")?.int64Value
        if object.optional("mode") != nil { mode = object.choice("mode", ParseMode.self) }
    }
}

extension CheckedObject {
    /// A list of texts, which may be written as its only one.
    fileprivate func oneOrMoreStrings(_ key: String) -> [String] {
        optional(key)?.stringValue.map { [$0] } ?? strings(key)
    }

    fileprivate func character(_ key: String) -> Character {
        guard let character = string(key).first else {
            preconditionFailure("a character is used before it was checked")
        }
        return character
    }
}
