import JSON

extension JobFormat {
    static let simulator = ObjectShape(
        name: "simulatorFeed",
        summary: "A simulated market. The same settings give the same ticks on every machine. Its "
            + "columns are symbol, event_time, price, volume, bid and ask.",
        tag: "simulator",
        keys: [
            .optional(
                "symbols", .list(.text(.name), count: 1...100_000),
                "The symbols, each equally likely to tick.",
                default: ["IBM", "AAPL", "MSFT", "TSLA", "AMZN"]),
            .optional(
                "ticks", .oneOf([.integer(0...Int64.max), .null]),
                "How many ticks in all; 0 or null never ends.", default: .null,
                examples: [2_000_000]),
            .optional(
                "rate",
                .oneOf([.choice(["max"]), .number(0...1_000_000_000, aboveLower: true)]),
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
                "startPrices", .map(.number(0.01...10_000_000)),
                "Prices of single symbols at the start.", default: [:],
                examples: [["IBM": 185.5]]),
            .optional(
                "priceModel", .choice(SimulatorSpec.PriceModel.allCases.map(\.rawValue)),
                "`geometric`: a step is a share of the price; `gaussian`: an amount.",
                default: "geometric"),
            .optional(
                "volatility", .number(0...1_000_000),
                "Standard deviation of a step: at most 0.1 for `geometric`.",
                absence: "0.0002 for `geometric`, 0.02 for `gaussian`", examples: [0.0002]),
            .optional(
                "spread", .number(0...1_000_000), "Distance of bid and ask.", default: 0.02),
            .optional(
                "lotSize", .integer(1...1_000_000_000),
                "Volumes are multiples of this.", default: 100),
            .optional(
                "outOfOrderShare", .number(0...1), "The share of ticks that come late.",
                default: 0, examples: [0.01]),
            .optional(
                "outOfOrderMax", .text(.duration), "How late they come at most; up to 1 day.",
                default: "0 seconds", examples: ["2 seconds"]),
            .optional(
                "seed", .integer(0...Int64.max), "Chooses another market.", default: 1),
        ])

    static let csv = ObjectShape(
        name: "csvFeed",
        summary: "Delimited text files. A record that does not parse goes to the rejects table.",
        tag: "csv",
        keys: [paths] + csvKeys + fileKeys)

    static let json = ObjectShape(
        name: "jsonFeed",
        summary: "One JSON object a line. A line that does not parse goes to the rejects table.",
        tag: "json",
        keys: [paths] + jsonKeys + fileKeys)

    /// How delimited text becomes columns.
    static let csvKeys: [KeyShape] = [
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
        .required("columns", .list(.object(csvColumn), count: 1...1_000), "The rows' columns."),
        eventTime,
    ]

    /// How JSON objects become columns.
    static let jsonKeys: [KeyShape] = [
        .required("fields", .list(.object(jsonField), count: 1...1_000), "The rows' columns."),
        eventTime,
    ]

    static let csvColumn = ObjectShape(
        name: "csvColumn",
        summary: "A column and the field of the file it is made of.",
        keys: [
            .required("name", .text(.name), "The column's name.", examples: ["price"]),
            .optional(
                "from", .oneOf([.text(.name), .integer(0...9_999)]),
                "The field: its name in the header line, or its index from 0.",
                absence: "the field of the column's own name; without a header its position",
                examples: ["Price", 1]),
        ] + columnKeys)

    static let jsonField = ObjectShape(
        name: "jsonField",
        summary: "A column and the value of the object it is made of.",
        keys: [
            .required("name", .text(.name), "The column's name.", examples: ["price"]),
            .optional(
                "path", .text(.name), "The value: its keys from the outside in, with dots.",
                absence: "the column's own name", examples: ["trade.px"]),
        ] + columnKeys)

    static let rejects = ObjectShape(
        name: "rejects",
        summary: "What becomes of records that do not parse.",
        keys: [
            .optional(
                "path", .text(.path), "The table they go to: reason, source, offset, text.",
                default: "lake/rejects"),
            .optional(
                "maxShare", .number(0...1),
                "The share of rejected records beyond which the feed stops, once it has read 1000.",
                default: 0.1),
        ])

    private static let paths = KeyShape.required(
        "paths", .oneOf([.text(.path), .list(.text(.path), count: 1...10_000)]),
        "Files or globs (`*`, `?`, `[…]`), in this order, a glob's by name; `-` is standard input. "
            + "gzip and zip files are recognised.",
        examples: ["ticks/*.csv.gz", ["a.csv", "b.csv"]])

    private static let eventTime = KeyShape.required(
        "eventTime", .text(.name), "The event-time column: one of the columns, a timestamp.",
        examples: ["event_time"])

    /// The most bytes of a record of text.
    static let maxRecordBytes = KeyShape.optional(
        "maxRecordBytes", .integer(64...1 << 28), "The most bytes of one record.",
        default: 1_048_576)

    private static let fileKeys: [KeyShape] = [
        maxRecordBytes,
        .optional(
            "rejects", .object(rejects), "What becomes of records that do not parse.",
            default: [:]),
    ]

    private static let columnKeys: [KeyShape] = [
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
            "format", .choice(timestampFormats + [FeedColumn.DateFormat.basic.rawValue]),
            "How a timestamp is written: ISO 8601, a count since 1970, or milliseconds since "
                + "midnight of the date in the file's name; a date: `iso` or `yyyymmdd`.",
            default: "iso"),
        .optional(
            "timeZone", .text(.timeZone), "The zone of timestamps without an offset.",
            default: "UTC", examples: ["America/New_York"]),
        .optional(
            "scale", .integer(1...1_000_000_000_000_000_000),
            "The number in the file is this many times the value, for doubles and decimals; for "
                + "decimals a power of ten.", default: 1, examples: [10_000]),
        .optional(
            "case", .choice(FeedColumn.LetterCase.allCases.map(\.rawValue)),
            "How the letters of a string are changed.", absence: "as they are"),
        .optional(
            "nullable", .boolean,
            "Whether an empty field is null; otherwise it makes the record a reject.",
            default: true),
    ]

    /// The words for timestamps in `format`.
    static let timestampFormats = FeedColumn.TimestampFormat.allCases.map(\.rawValue)

    /// The words of `fromPath`.
    static let pathParts: [(name: String, origin: FeedColumn.Origin)] = [
        ("fileName", .fileName), ("directory", .directory), ("fileDate", .fileDate),
    ]
}
