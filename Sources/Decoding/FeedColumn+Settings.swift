import Columnar
import JSON
public import Settings

extension FeedColumn {
    /// The words for timestamps in `format`.
    private static let timestampFormats = TimestampFormat.allCases.map(\.rawValue)

    /// The words of `fromPath`.
    private static let pathParts: [(name: String, origin: Origin)] = [
        ("fileName", .fileName), ("directory", .directory), ("fileDate", .fileDate),
    ]

    /// The keys of a column besides its name and its field.
    static let keys: [KeyShape] = [
        .optional(
            "value", .text(.any), "The same text in every row, instead of a field.",
            absence: "a field is read", examples: ["BAC"]),
        .optional(
            "fromPath", .choice(pathParts.map(\.name)),
            "A part of the file's path, instead of a field: the file's name, its directory's, or "
                + "the date (`yyyymmdd` or `yyyy-mm-dd`) in the file's name.",
            absence: "a field is read"),
        .required("type", .text(.type), "The column's type.", examples: ["double"]),
        .optional(
            "format", .choice(timestampFormats + [DateFormat.basic.rawValue]),
            "How a timestamp is written: ISO 8601, a count since 1970, or seconds or milliseconds "
                + "since midnight of the date in the file's name; a date: `iso` or `yyyymmdd`.",
            default: "iso"),
        .optional(
            "timestampFormat", .text(.name),
            "How a timestamp or date is written, in the letters of Spark's option of that name, "
                + "instead of `format`.",
            absence: "as `format` says",
            examples: ["dd.MM.yyyy HH:mm:ss.SSS", "yyyyMMdd HHmmssSSS", "M/d/yyyy H:mm"]),
        .optional(
            "timeZone", .text(.timeZone), "The zone of timestamps without an offset.",
            default: "UTC", examples: ["America/New_York"]),
        .optional(
            "scale", .integer(1...1_000_000_000_000_000_000),
            "The number in the file is this many times the value, for doubles and decimals; for "
                + "decimals a power of ten.", default: 1, examples: [10_000]),
        .optional(
            "decimalMark", .text(.character), "What stands before the decimals of a number.",
            default: ".", examples: [","]),
        .optional(
            "groupMark", .text(.character),
            "What stands between groups of three digits of a number.",
            absence: "nothing", examples: [",", "."]),
        .optional(
            "case", .choice(LetterCase.allCases.map(\.rawValue)),
            "How the letters of a string are changed.", absence: "as they are"),
        .optional(
            "nullable", .boolean,
            "Whether an empty field is null; otherwise it makes the record a reject.",
            default: true),
    ]

    /// The key of the event-time column.
    static let eventTimeKey = KeyShape.required(
        "eventTime", .text(.name), "The event-time column: one of the columns, a timestamp.",
        examples: ["event_time"])

    /// A column whose text comes from what `value` or `fromPath` say, or from a field.
    init(_ object: SettingsReader, field: JSONValue?, otherwise: Origin) {
        self.init(object.string("name"), object.type("type"))
        isNullable = object.bool("nullable")
        let format = object.string("format")
        timestampFormat = TimestampFormat(rawValue: format) ?? .iso
        dateFormat = DateFormat(rawValue: format) ?? .iso
        timePattern = object.optionalString("timestampFormat")
        decimalMark = object.character("decimalMark")
        groupMark = object.optionalString("groupMark").flatMap(\.first)
        timeZone = object.string("timeZone")
        scale = object.integer("scale")
        letterCase = object.optionalString("case").flatMap(LetterCase.init)
        origin =
            if let constant = object.optionalString("value") {
                .constant(constant)
            } else if let part = object.optionalString("fromPath") {
                Self.pathParts.first { $0.name == part }?.origin ?? otherwise
            } else if let parts = field?.elements, parts.count == 2,
                let first = Self.origin(of: parts[0]), let second = Self.origin(of: parts[1])
            {
                .joined(first, second)
            } else {
                field.flatMap(Self.origin) ?? otherwise
            }
    }

    /// The field that a name or an index means.
    private static func origin(of field: JSONValue) -> Origin? {
        if let index = field.int64Value { return .index(Int(index)) }
        return field.stringValue.map { .field($0) }
    }

    /// Notes what columns must keep to together.
    ///
    /// - Parameters:
    ///   - columns: the columns.
    ///   - eventTime: the name of the one that holds the event time.
    ///   - key: the setting that lists them.
    ///   - field: the setting of one that says which field it is made of.
    ///   - faults: where faults are noted.
    static func check(
        _ columns: [FeedColumn], eventTime: String, key: String, field: String,
        _ faults: inout SettingFaults
    ) {
        let list = JSONPointer.here[key]
        faults.requireUnique(columns.map(\.name)) { list[$0]["name"] }
        if let column = columns.first(where: { $0.name == eventTime }) {
            if column.type != .timestamp {
                faults.note(
                    .wrongType,
                    "The event-time column must be a timestamp; \"\(eventTime)\" is "
                        + "\(column.type).", at: .here["eventTime"])
            }
        } else {
            let similar = nearest(to: eventTime, among: columns.map(\.name))
            faults.note(
                .unknownName,
                "No column is named \"\(eventTime.escapedForMessage)\"." + didYouMean(similar)
                    + " Columns: \(listed(columns.map(\.name))).",
                at: .here["eventTime"], suggestion: similar)
        }
        for (index, column) in columns.enumerated() {
            faults.inside(list[index]) { column.check(field: field, &$0) }
        }
    }

    /// Notes what the keys of this column must keep to together, in the object of the column.
    ///
    /// - Parameters:
    ///   - field: the setting that says which field it is made of.
    ///   - faults: where faults are noted.
    public func check(field: String, _ faults: inout SettingFaults) {
        checkOrigin(field: field, &faults)
        checkKeys(&faults)
    }

    private func checkOrigin(field: String, _ faults: inout SettingFaults) {
        let choices = [field, "value", "fromPath"]
        let given = choices.filter { faults.isGiven($0) }
        if given.count > 1 {
            faults.note(
                .badValue,
                "A column has one of \(quotedList(choices)), not "
                    + "\(quotedList(given, last: "and")).", at: .here[given[1]])
        }
        if case .joined = origin, type != .timestamp {
            faults.note(
                .wrongType,
                "Two fields are joined for a timestamp; this column is \(type).",
                at: .here[field])
        }
        if origin == .fileDate, type != .date, type != .string {
            faults.note(
                .wrongType,
                "The date of a file is a date or a string; this column is \(type).",
                at: .here["fromPath"])
        }
    }

    /// Whether the keys are for the column's type.
    private func checkKeys(_ faults: inout SettingFaults) {
        func misfit(_ key: String, _ what: String) -> String {
            "\"\(key)\" is for \(what); this column is \(type)."
        }
        if type == .binary {
            faults.note(
                .wrongType,
                "A text has no bytes to read a binary column from; read it as a string and cast "
                    + "it.", at: .here["type"])
        }
        if faults.isGiven("timeZone"), type != .timestamp {
            faults.note(.badValue, misfit("timeZone", "timestamps"), at: .here["timeZone"])
        }
        if faults.isGiven("case"), type != .string {
            faults.note(.badValue, misfit("case", "strings"), at: .here["case"])
        }
        if let format = faults.given("format")?.stringValue {
            let words: [String]? =
                switch type {
                case .timestamp: Self.timestampFormats
                case .date: DateFormat.allCases.map(\.rawValue)
                default: nil
                }
            if words?.contains(format) != true {
                faults.note(
                    .badValue,
                    words.map { "A \(type) is written as \(quotedList($0))." }
                        ?? misfit("format", "timestamps and dates"), at: .here["format"])
            }
        }
        checkPattern(&faults)
        checkMarks(&faults)
        guard faults.isGiven("scale") else { return }
        switch type {
        case .double: break
        case .decimal where scaleExponent != nil: break
        case .decimal:
            faults.note(
                .badValue, "The scale of a decimal must be a power of ten.", at: .here["scale"])
        default:
            faults.note(
                .badValue, misfit("scale", "doubles and decimals"), at: .here["scale"])
        }
    }

    private func checkPattern(_ faults: inout SettingFaults) {
        guard let timePattern else { return }
        let place = JSONPointer.here["timestampFormat"]
        guard type == .timestamp || type == .date else {
            return faults.note(
                .badValue,
                "\"timestampFormat\" is for timestamps and dates; this column is \(type).",
                at: place)
        }
        if faults.isGiven("format") {
            faults.note(
                .badValue, "A column has \"format\" or \"timestampFormat\", not both.", at: place)
        }
        let text = timePattern.escapedForMessage
        do {
            let pattern = try TimePattern(parsing: timePattern)
            guard !pattern.hasDate || (type == .date && pattern.hasTime) else { return }
            faults.note(
                .badValue,
                pattern.hasDate
                    ? "\"\(text)\" has a time, and the column is a date."
                    : "\"\(text)\" has no date: it needs y, M and d; a column may join two fields.",
                at: place)
        } catch {
            faults.note(.badValue, "\"\(text)\" is no pattern: \(error.reason).", at: place)
        }
    }

    /// Whether what stands in numbers is for the column's type.
    private func checkMarks(_ faults: inout SettingFaults) {
        for key in ["decimalMark", "groupMark"] where faults.isGiven(key) {
            switch type {
            case .int, .long, .double, .decimal: break
            default:
                faults.note(
                    .badValue, "\"\(key)\" is for numbers; this column is \(type).",
                    at: .here[key])
            }
        }
        if groupMark == decimalMark {
            faults.note(
                .badValue, "\"groupMark\" and \"decimalMark\" are the same.",
                at: .here["groupMark"])
        }
    }
}
