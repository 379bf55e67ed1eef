import JSON
public import Settings

extension JSONLinesSpec {
    /// How JSON objects become columns.
    public static let keys: [KeyShape] = [
        .required("fields", .list(.object(field), count: 1...1_000), "The rows' columns."),
        FeedColumn.eventTimeKey,
    ]

    private static let field = ObjectShape(
        name: "jsonField",
        summary: "A column and the value of the object it is made of.",
        keys: [
            .required("name", .text(.name), "The column's name.", examples: ["price"]),
            .optional(
                "path", .text(.name),
                "The value: its keys from the outside in, with dots; a key in quotes "
                    + "(`quote['05. price']`) may have any characters, and an element of an array "
                    + "is named by its index from 0 (`bids[0][1]`).",
                absence: "the column's own name",
                examples: ["trade.px", "quote['05. price']", "bids[0][1]"]),
        ] + FeedColumn.keys)

    /// Reads settings with ``keys`` that were checked.
    public init(_ object: SettingsReader, _ input: FeedInput) {
        let columns = object.objects("fields").map { field in
            FeedColumn(
                field, field: field.optional("path"), otherwise: .field(field.string("name")))
        }
        self.init(input, columns: columns, eventTime: object.string("eventTime"))
    }

    /// Notes what the settings must keep to together.
    public func check(_ faults: inout SettingFaults) {
        FeedColumn.check(columns, eventTime: eventTime, key: "fields", field: "path", &faults)
        for (index, column) in columns.enumerated() {
            faults.inside(.here["fields"][index]) { Self.checkPath(of: column, &$0) }
        }
    }

    /// Notes a path that is none, in the object of its column.
    public static func checkPath(of column: FeedColumn, _ faults: inout SettingFaults) {
        guard case .field(let path) = column.origin else { return }
        do {
            _ = try JSONPath(parsing: path)
        } catch {
            faults.note(
                .badValue, "\"\(path.escapedForMessage)\" is no path: \(error.reason).",
                at: .here["path"])
        }
    }
}
