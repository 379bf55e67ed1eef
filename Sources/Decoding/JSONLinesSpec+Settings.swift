import JSON
public import Settings

extension JSONLinesSpec {
    /// How JSON objects become columns.
    public static let keys: [KeyShape] = [
        .required("fields", .list(.object(field), count: 1...1_000), "The rows' columns."),
        FeedColumn.eventTimeKey, explodeKey("explode", "gives no row"),
        explodeKey("explodeOuter", "gives one row whose element is null"),
    ]

    /// The functions of Spark by their names.
    private static func explodeKey(_ name: String, _ empty: String) -> KeyShape {
        .optional(
            name, .text(.name),
            "The path of an array: each element is a row, with the fields around the array. The "
                + "paths of `fields` go on in the element where they go through the array "
                + "(`trades.price` with `trades`). A line whose array is empty, null or missing "
                + "\(empty); `$` is a line that is an array itself.",
            absence: "a line is a row", examples: ["trades", "data.candles", "$"])
    }

    private static let field = ObjectShape(
        name: "jsonField",
        summary: "A column and the value of the object it is made of.",
        keys: [
            .required("name", .text(.name), "The column's name.", examples: ["price"]),
            .optional(
                "path", .oneOf([.text(.name), .list(.text(.name), count: 2...2)]),
                "The value: its keys from the outside in, with dots; a key in quotes "
                    + "(`quote['05. price']`) may have any characters, and an element of an array "
                    + "is named by its index from 0 (`bids[0][1]`); of a timestamp also two, a date "
                    + "and a time, which are read with a blank between them.",
                absence: "the column's own name",
                examples: ["trade.px", "quote['05. price']", "bids[0][1]", ["date", "time"]]),
        ] + FeedColumn.keys
    ).answering(keys: ForeignKeys.ofColumns)

    /// Reads settings with ``keys`` that were checked.
    public init(_ object: SettingsReader, _ input: FeedInput) {
        let columns = object.objects("fields").map { field in
            FeedColumn(
                field, field: field.optional("path"), otherwise: .field(field.string("name")))
        }
        self.init(input, columns: columns, eventTime: object.string("eventTime"))
        let outer = object.optionalString("explodeOuter")
        exploded = object.optionalString("explode") ?? outer
        keepsEmpty = outer != nil
    }

    /// Notes what the settings must keep to together.
    public func check(_ faults: inout SettingFaults) {
        checkExploded(&faults)
        FeedColumn.check(columns, eventTime: eventTime, key: "fields", field: "path", &faults)
        for (index, column) in columns.enumerated() {
            faults.inside(.here["fields"][index]) { Self.checkPaths(of: column, &$0) }
        }
    }

    /// Notes paths that are none, in the object of their column.
    public static func checkPaths(of column: FeedColumn, _ faults: inout SettingFaults) {
        for path in column.origin.fieldNames {
            do {
                _ = try JSONPath(parsing: path)
            } catch {
                faults.note(
                    .badValue, "\"\(path.escapedForMessage)\" is no path: \(error.reason).",
                    at: .here["path"])
            }
        }
    }

    private func checkExploded(_ faults: inout SettingFaults) {
        guard let exploded else { return }
        let place = JSONPointer.here[keepsEmpty ? "explodeOuter" : "explode"]
        if faults.isGiven("explode"), faults.isGiven("explodeOuter") {
            faults.note(
                .badValue, "One array is exploded, by \"explode\" or \"explodeOuter\", not both.",
                at: .here["explodeOuter"])
        }
        do {
            _ = try JSONPath(exploded: exploded)
        } catch {
            faults.note(
                .badValue, "\"\(exploded.escapedForMessage)\" is no path: \(error.reason).",
                at: place)
        }
    }
}
