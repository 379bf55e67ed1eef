import JSON

/// The tables of what a job reads.
extension JobFormat {
    /// The most sources of a job.
    static let sourcesMax = 32

    /// A job's only source.
    static let sources = [
        ObjectShape(
            name: "logSource", summary: "A tick log.", tag: "log", isUsual: true, keys: logKeys),
        ObjectShape(
            name: "parquetSource",
            summary: "A directory of Parquet files that grows; partition directories "
                + "(`column=value`) give columns.", tag: "parquet", keys: parquetKeys),
        ObjectShape(
            name: "csvSource",
            summary: "A directory of delimited text files that grows; a line end ends a record.",
            tag: "csv", keys: fileSourceKeys + textSourceKeys + csvKeys),
        ObjectShape(
            name: "jsonSource",
            summary: "A directory of files that grows, with one JSON object a line.",
            tag: "json", keys: fileSourceKeys + textSourceKeys + jsonKeys),
    ]

    /// One of several sources.
    static let namedSources = sources.map { source in
        var keys = [sourceName] + source.keys + shapeKeys
        if source.tag == "log" { keys.append(sourceFeed) }
        return ObjectShape(
            name: "named" + source.name.prefix(1).uppercased() + source.name.dropFirst(),
            summary: "One of several sources: " + source.summary.prefix(1).lowercased()
                + source.summary.dropFirst(),
            tag: source.tag, isUsual: source.isUsual, keys: keys)
    }

    /// Every key of one of several sources, whatever its kind.
    static let namedSourceKeys = namedSources.reduce(into: [KeyShape]()) { keys, source in
        for key in source.keys where !keys.contains(where: { $0.name == key.name }) {
            keys.append(key)
        }
    }

    private static let sourceName = KeyShape.required(
        "name", .text(.fileName),
        "The source's name, unique in the job; names its offsets in the checkpoint.",
        examples: ["bac"])

    private static let sourceFeed = KeyShape.optional(
        "feed", .variants(key: "format", [simulator, csv, json]),
        "What fills this log while the job runs.", absence: "the log is filled elsewhere")

    private static let shapeKeys: [KeyShape] = [
        .optional(
            "where", .text(.expression), "The condition that its rows must fulfil.",
            absence: "all rows", examples: ["price > 0"]),
        .optional(
            "select", .list(.text(.expression), count: 1...1_000),
            "The columns that its rows come with: `expression AS name`, row by row.",
            absence: "its own", examples: [["*", "'bac' AS venue"]]),
        .optional(
            "watermark", .object(watermark),
            "How far rows of this source may come late; over the columns of `select`.",
            absence: "the job's, or this source's rows do not move the watermark"),
    ]

    private static let logKeys: [KeyShape] = [
        .required("path", .text(.path), "The log's directory.", examples: ["log/ticks"]),
        .optional(
            "startingOffsets",
            .oneOf([
                .choice(["earliest", "latest"]), .integer(0...Int64.max),
                .object(startingTimestamp),
            ]),
            "Where a new job begins; a job that has a checkpoint goes on from there.",
            default: "earliest",
            examples: ["earliest", 1_000_000, ["timestamp": "2026-01-05T14:30:00Z"]]),
        .optional(
            "maxOffsetsPerTrigger", .integer(1...1_000_000_000), "The most rows of a batch.",
            absence: "no limit", examples: [250_000]),
        .optional(
            "schema", .list(.object(column), count: 1...1_000),
            "The columns that the log must have.", absence: "the log's own"),
        .optional(
            "backfill", .variants(key: "format", [backfill]),
            "History that is read before the log, from a directory.",
            absence: "the log alone is read",
            examples: [
                ["format": "parquet", "path": "history", "until": "2026-01-05T00:00:00Z"]
            ]),
    ]

    static let backfill = ObjectShape(
        name: "backfill",
        summary: "History in a directory of Parquet files: its rows before a time, then the log's "
            + "rows from that time on. Files that come after the first run are not read.",
        tag: "parquet",
        keys: [
            .required(
                "until", .text(.timestamp),
                "The event time from which on rows are the log's.",
                examples: ["2026-01-05T00:00:00Z"])
        ] + fileSourceKeys)

    private static let parquetKeys: [KeyShape] =
        fileSourceKeys + [
            .optional(
                "schema", .list(.object(column), count: 1...1_000),
                "The columns to read; a file that lacks one has nulls there.",
                absence: "those of the first file")
        ]

    private static let fileSourceKeys: [KeyShape] = [
        .required(
            "path", .oneOf([.text(.path), .list(.text(.path), count: 1...1_000)]),
            "Directories, files or globs (`*`, `?`, `[…]`). Each file is read once, oldest change "
                + "first; it must be whole when it gets its name, and names that begin with `_` "
                + "or `.` are left alone.",
            examples: ["lake/ohlcv", ["history/*/ticks", "more"]]),
        .optional(
            "pathGlobFilter", .text(.name), "A glob that the names of files must match.",
            absence: "every name", examples: ["*.parquet"]),
        .optional(
            "maxFilesPerTrigger", .integer(1...1_000_000_000), "The most files of a batch.",
            absence: "no limit", examples: [100]),
        .optional(
            "maxBytesPerTrigger", .integer(1...Int64.max),
            "The size of files beyond which a batch takes no more; instead of "
                + "`maxFilesPerTrigger`.",
            absence: "no limit", examples: [1_000_000_000]),
    ]

    private static let textSourceKeys: [KeyShape] = [
        .optional(
            "mode", .choice(FileSourceSpec.ParseMode.allCases.map(\.rawValue)),
            "What becomes of a record that does not parse: the batch fails, or it is left out and "
                + "counted.", default: "FAILFAST"),
        maxRecordBytes,
    ]

    static let startingTimestamp = ObjectShape(
        name: "startingTimestamp",
        summary: "A place in the log by event time.",
        keys: [
            .required(
                "timestamp", .text(.timestamp),
                "The first row with this event time or a later one.",
                examples: ["2026-01-05T14:30:00Z"])
        ])

    static let column = ObjectShape(
        name: "column",
        summary: "A column of the log.",
        keys: [
            .required("name", .text(.name), "The column's name.", examples: ["price"]),
            .required("type", .text(.type), "The column's type.", examples: ["double"]),
            .optional("nullable", .boolean, "Whether a value may be null.", default: true),
        ])
}
