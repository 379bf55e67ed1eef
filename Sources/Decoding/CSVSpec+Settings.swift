import JSON
public import Settings

extension CSVSpec {
    /// How delimited text becomes columns.
    public static let keys: [KeyShape] = [
        .optional(
            "header", .boolean, "Whether the first record of a file names the fields.",
            default: true),
        .optional(
            "delimiter", .text(.character), "The character between fields.", default: ",",
            examples: [",", ";", "\t"]),
        .optional(
            "quote", .text(.character),
            "The character around a field that holds delimiters, line ends or, doubled, itself.",
            default: "\""),
        .optional(
            "nullText", .text(.any), "A field without quotes that is this text is null.",
            default: "", examples: ["NA"]),
        .optional(
            "fieldCount", .integer(1...10_000), "How many fields a record has.",
            absence: "as many as the first record of each file"),
        .required("columns", .list(.object(column), count: 1...1_000), "The rows' columns."),
        FeedColumn.eventTimeKey,
    ]

    private static let column = ObjectShape(
        name: "csvColumn",
        summary: "A column and the field of the file it is made of.",
        keys: [
            .required("name", .text(.name), "The column's name.", examples: ["price"]),
            .optional(
                "from",
                .oneOf([
                    .text(.name), .integer(0...9_999),
                    .list(.oneOf([.text(.name), .integer(0...9_999)]), count: 2...2),
                ]),
                "The field: its name in the header line, or its index from 0; of a timestamp also "
                    + "two, a date and a time, which are read with a blank between them.",
                absence: "the field of the column's own name; without a header its position",
                examples: ["Price", 1, ["Date", "Time"]]),
        ] + FeedColumn.keys
    ).answering(keys: ForeignKeys.ofColumns)

    /// Reads settings with ``keys`` that were checked.
    public init(_ object: SettingsReader, _ input: FeedInput) {
        let hasHeader = object.bool("header")
        let columns = object.objects("columns").enumerated().map { position, column in
            FeedColumn(
                column, field: column.optional("from"),
                otherwise: hasHeader ? .field(column.string("name")) : .index(position))
        }
        self.init(input, columns: columns, eventTime: object.string("eventTime"))
        self.hasHeader = hasHeader
        delimiter = object.character("delimiter")
        quote = object.character("quote")
        nullText = object.string("nullText")
        fieldCount = object.optionalInt("fieldCount")
    }

    /// Notes what the settings must keep to together.
    public func check(_ faults: inout SettingFaults) {
        FeedColumn.check(columns, eventTime: eventTime, key: "columns", field: "from", &faults)
        for (index, column) in columns.enumerated() where !hasHeader {
            faults.inside(.here["columns"][index]) { Self.checkIndex(of: column, &$0) }
        }
        checkMarks(&faults)
    }

    /// Notes that fields have no names where there is no header, in the object of the column.
    public static func checkIndex(of column: FeedColumn, _ faults: inout SettingFaults) {
        guard let name = column.origin.fieldNames.first else { return }
        faults.note(
            .badValue,
            "There is no header line to find \"\(name.escapedForMessage)\" in; give the "
                + "field's index from 0, or set \"header\" to true.", at: .here["from"])
    }

    /// Notes that fields and quotes have one mark.
    public func checkMarks(_ faults: inout SettingFaults) {
        if quote == delimiter {
            faults.note(.badValue, "\"quote\" and \"delimiter\" are the same.", at: .here["quote"])
        }
    }
}
