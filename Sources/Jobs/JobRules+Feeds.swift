import Columnar
import Expressions
import JSON

extension JobRules {
    private static let dayMicros: Int64 = 86_400_000_000

    /// What a feed's settings must keep to together.
    mutating func check(_ feed: FeedSpec, at pointer: JSONPointer) {
        switch feed {
        case .simulator(let spec): check(spec, at: pointer)
        case .csv(let spec): check(spec, at: pointer)
        case .json(let spec): check(spec, at: pointer)
        }
    }

    private mutating func check(_ spec: SimulatorSpec, at pointer: JSONPointer) {
        checkUnique(spec.symbols) { pointer["symbols"][$0] }
        let symbols = Set(spec.symbols)
        let strangers = spec.startPrices.keys.filter { !symbols.contains($0) }.sorted()
        for symbol in strangers.prefix(JobErrors.countMax) {
            let similar = nearest(to: symbol, among: spec.symbols)
            note(
                .unknownName,
                "\"\(JSONValue.escaped(symbol))\" is not one of the symbols."
                    + didYouMean(similar),
                at: pointer["startPrices"][symbol], suggestion: similar)
        }
        if spec.priceModel == .geometric, spec.volatility > 0.1 {
            note(
                .badValue,
                "The geometric model's volatility is a share of the price, at most 0.1; "
                    + "found \(spec.volatility.short).", at: pointer["volatility"])
        }
        if spec.intervalMicros > Self.dayMicros {
            note(.badValue, "Ticks are at most 1 day apart.", at: pointer["interval"])
        }
        if spec.outOfOrderMaxMicros > Self.dayMicros {
            note(.badValue, "Ticks come at most 1 day late.", at: pointer["outOfOrderMax"])
        }
    }

    private mutating func check(_ spec: CSVSpec, at pointer: JSONPointer) {
        check(spec.columns, eventTime: spec.eventTime, key: "columns", field: "from", at: pointer)
        for (index, column) in spec.columns.enumerated() {
            guard case .field(let name) = column.origin, !spec.hasHeader else { continue }
            note(
                .badValue,
                "There is no header line to find \"\(JSONValue.escaped(name))\" in; give the "
                    + "field's index from 0, or set \"header\" to true.",
                at: pointer["columns"][index]["from"])
        }
        if spec.quote == spec.delimiter {
            note(.badValue, "\"quote\" and \"delimiter\" are the same.", at: pointer["quote"])
        }
    }

    private mutating func check(_ spec: JSONLinesSpec, at pointer: JSONPointer) {
        check(spec.columns, eventTime: spec.eventTime, key: "fields", field: "path", at: pointer)
        for (index, column) in spec.columns.enumerated() {
            guard case .field(let path) = column.origin,
                path.split(separator: ".", omittingEmptySubsequences: false).contains("")
            else { continue }
            note(
                .badValue, "The path has an empty key; write keys with single dots between them.",
                at: pointer["fields"][index]["path"])
        }
    }

    private mutating func check(
        _ columns: [FeedColumn], eventTime: String, key: String, field: String,
        at pointer: JSONPointer
    ) {
        checkUnique(columns.map(\.name)) { pointer[key][$0]["name"] }
        if let column = columns.first(where: { $0.name == eventTime }) {
            if column.type != .timestamp {
                note(
                    .wrongType,
                    "The event-time column must be a timestamp; \"\(eventTime)\" is "
                        + "\(column.type).", at: pointer["eventTime"])
            }
        } else {
            let similar = nearest(to: eventTime, among: columns.map(\.name))
            note(
                .unknownName,
                "No column is named \"\(JSONValue.escaped(eventTime))\"." + didYouMean(similar)
                    + " Columns: \(columns.map(\.name).joined(separator: ", ")).",
                at: pointer["eventTime"], suggestion: similar)
        }
        for (index, column) in columns.enumerated() {
            checkOrigin(of: column, field: field, at: pointer[key][index])
            check(column, at: pointer[key][index])
        }
    }

    private mutating func checkOrigin(
        of column: FeedColumn, field: String, at place: JSONPointer
    ) {
        let tree = text.value(at: place)
        let given = [field, "value", "fromPath"].filter { tree[$0] != nil }
        if given.count > 1 {
            note(
                .badValue,
                "A column has one of \(quotedList([field, "value", "fromPath"])), not "
                    + "\(quotedList(given, last: "and")).", at: place[given[1]])
        }
        if column.origin == .fileDate, column.type != .date, column.type != .string {
            note(
                .wrongType,
                "The date of a file is a date or a string; this column is "
                    + "\(column.type).", at: place["fromPath"])
        }
    }

    /// Whether the keys of a column are for its type.
    private mutating func check(_ column: FeedColumn, at place: JSONPointer) {
        let tree = text.value(at: place)
        func misfit(_ key: String, _ what: String) -> String {
            "\"\(key)\" is for \(what); this column is \(column.type)."
        }
        if column.type == .binary {
            note(
                .wrongType,
                "A text has no bytes to read a binary column from; read it as a string and cast "
                    + "it.", at: place["type"])
        }
        if tree["timeZone"] != nil, column.type != .timestamp {
            note(.badValue, misfit("timeZone", "timestamps"), at: place["timeZone"])
        }
        if tree["case"] != nil, column.type != .string {
            note(.badValue, misfit("case", "strings"), at: place["case"])
        }
        if let format = tree["format"]?.stringValue {
            let words: [String]? =
                switch column.type {
                case .timestamp: JobFormat.timestampFormats
                case .date: FeedColumn.DateFormat.allCases.map(\.rawValue)
                default: nil
                }
            if words?.contains(format) != true {
                note(
                    .badValue,
                    words.map { "A \(column.type) is written as \(quotedList($0))." }
                        ?? misfit("format", "timestamps and dates"), at: place["format"])
            }
        }
        guard tree["scale"] != nil else { return }
        switch column.type {
        case .double: break
        case .decimal where column.scaleExponent != nil: break
        case .decimal:
            note(.badValue, "The scale of a decimal must be a power of ten.", at: place["scale"])
        default: note(.badValue, misfit("scale", "doubles and decimals"), at: place["scale"])
        }
    }
}
