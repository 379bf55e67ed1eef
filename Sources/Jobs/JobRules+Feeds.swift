import Columnar
import Expressions
import JSON

extension JobRules {
    private static let dayMicros: Int64 = 86_400_000_000

    /// What the simulator's settings must keep to together.
    mutating func check(_ spec: SimulatorSpec) {
        let pointer = JSONPointer()["feed"]
        checkUnique(spec.symbols) { pointer["symbols"][$0] }
        for symbol in spec.startPrices.keys.sorted() where !spec.symbols.contains(symbol) {
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

    /// What columns and paths of a CSV feed must keep to together.
    mutating func check(_ spec: CSVSpec) {
        let pointer = JSONPointer()["feed"]
        check(
            spec.columns.map(\.column), eventTime: spec.eventTime, pathPattern: spec.pathPattern,
            key: "columns")
        for (index, mapping) in spec.columns.enumerated() {
            let place = pointer["columns"][index]
            let tree = text.value(at: place)
            if case .constant(let template) = mapping.origin {
                check(template, pathPattern: spec.pathPattern, at: place["value"])
                if tree["from"] != nil {
                    note(
                        .badValue, "A column has either \"from\" or \"value\"; remove one.",
                        at: place["from"])
                }
            } else if case .header(let name) = mapping.origin, !spec.hasHeader {
                note(
                    .badValue,
                    "There is no header line to find \"\(JSONValue.escaped(name))\" in; give the "
                        + "field's index from 0, or set \"header\" to true.", at: place["from"])
            }
        }
        if spec.quote == spec.delimiter {
            note(.badValue, "\"quote\" and \"delimiter\" are the same.", at: pointer["quote"])
        }
    }

    /// What fields and paths of a JSON feed must keep to together.
    mutating func check(_ spec: JSONLinesSpec) {
        check(
            spec.fields.map(\.column), eventTime: spec.eventTime, pathPattern: spec.pathPattern,
            key: "fields")
        for (index, mapping) in spec.fields.enumerated() where mapping.keys.contains("") {
            note(
                .badValue, "The path has an empty key; write keys with single dots between them.",
                at: JSONPointer()["feed"]["fields"][index]["path"])
        }
    }

    private mutating func check(
        _ columns: [FeedColumn], eventTime: String, pathPattern: PathTemplate?, key: String
    ) {
        let pointer = JSONPointer()["feed"]
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
            check(column, pathPattern: pathPattern, at: pointer[key][index])
        }
    }

    private mutating func check(
        _ column: FeedColumn, pathPattern: PathTemplate?, at place: JSONPointer
    ) {
        let tree = text.value(at: place)
        func misfit(_ key: String, _ what: String) -> String {
            "\"\(key)\" is for \(what); this column is \(column.type)."
        }
        for key in ["format", "date", "timeZone"]
        where tree[key] != nil && column.type != .timestamp {
            note(.badValue, misfit(key, "timestamps"), at: place[key])
        }
        if tree["divideBy"] != nil, !column.type.isNumeric {
            note(.badValue, misfit("divideBy", "numbers"), at: place["divideBy"])
        }
        if tree["case"] != nil, column.type != .string {
            note(.badValue, misfit("case", "strings"), at: place["case"])
        }
        guard column.type == .timestamp else { return }
        if case .sinceMidnight(_, let date, _) = column.timestampFormat {
            if date.parts.isEmpty {
                note(
                    .missingKey,
                    "A time since midnight needs the key \"date\", such as \"2013-10-07\" or "
                        + "\"{date}\" with a \"pathPattern\".", at: place)
            }
            check(date, pathPattern: pathPattern, at: place["date"])
        } else {
            for key in ["date", "timeZone"] where tree[key] != nil {
                note(
                    .badValue, "\"\(key)\" is for formats that count since midnight.",
                    at: place[key])
            }
        }
    }

    /// Every place of a template is one of the path pattern's.
    private mutating func check(
        _ template: PathTemplate, pathPattern: PathTemplate?, at place: JSONPointer
    ) {
        let known = pathPattern?.names ?? []
        for name in template.names where !known.contains(name) {
            let similar = nearest(to: name, among: known)
            note(
                .unknownName,
                known.isEmpty
                    ? "{\(name)} needs a \"pathPattern\" with that place, such as \"{\(name)}.csv\"."
                    : "\"pathPattern\" has no place {\(name)}." + didYouMean(similar)
                        + " Places: \(known.joined(separator: ", ")).",
                at: place, suggestion: similar)
        }
    }
}
