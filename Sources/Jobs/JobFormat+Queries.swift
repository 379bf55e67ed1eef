import JSON
import Operators

extension JobFormat {
    static let query = ObjectShape(
        name: "query",
        summary: "One query: rows of the source, or of another query, filtered and aggregated.",
        keys: [
            .required(
                "name", .text(.fileName), "The query's name, unique in the job; names its state.",
                examples: ["ohlcv"]),
            .optional(
                "from", .text(.name), "The query whose output, or the source whose rows, are read.",
                absence: "all sources are read"),
            .optional(
                "where", .text(.expression), "The condition that input rows must fulfil.",
                absence: "all rows", examples: ["price > 0 AND volume > 0"]),
            .optional(
                "dropDuplicates", .list(.text(.name), count: 1...63),
                "Columns: of the rows that agree in all of them the first is kept, after `where` "
                    + "and before anything else.",
                absence: "every row is kept", examples: [["symbol", "trade_id"]]),
            .optional(
                "dropDuplicatesWithinWatermark", .list(.text(.name), count: 1...63),
                "The same, but a row is remembered only until the watermark passes its event time "
                    + "by `delayThreshold`.",
                absence: "every row is kept", examples: [["symbol", "trade_id"]]),
            .optional(
                "groupBy", .list(.text(.expression), count: 0...64),
                "What makes a group: columns, expressions, and at most one window.", default: [],
                examples: [["symbol", "window(event_time, '1 minute')"]]),
            .required(
                "select", .list(.text(.expression), count: 1...1_000),
                "The output columns: `expression AS name`.",
                examples: [["symbol", "window.start AS window_start", "count(*) AS trades"]]),
            .optional(
                "having", .text(.expression), "The condition that groups must fulfil.",
                absence: "all groups", examples: ["count(*) > 10"]),
            .optional(
                "outputMode", .choice(OutputMode.allCases.map(\.rawValue)),
                "`append`: rows that will not change any more; `update`: rows that changed in "
                    + "this batch; `complete`: all rows, every batch.", default: "append"),
            .optional(
                "sinks",
                .list(.variants(key: "format", [parquet, delta, table, console]), count: 0...16),
                "Where rows go; a query that others read needs none.", default: []),
            .optional(
                "late", .object(sideTable),
                "The table of rows that were too late: the input's columns, `query`, `watermark`, "
                    + "`lateness_ms`, `batch`.", absence: "late rows are counted only",
                examples: [["path": "lake/late"]]),
        ])

    static let parquet = ObjectShape(
        name: "parquetSink",
        summary: "Parquet files in Hive's directory layout; for output mode `append`.",
        tag: "parquet",
        keys: [
            .required("path", .text(.path), "The table's directory.", examples: ["lake/ohlcv"]),
            .optional(
                "partitionBy", .list(.text(.name), count: 0...16),
                "Output columns that become directories, from the outside in.", default: [],
                examples: [["date"]]),
            .optional(
                "compression", .choice(["zstd", "none"]), "How pages are compressed.",
                default: "zstd"),
            .optional(
                "compressionLevel", .integer(1...22), "The level of zstd.", default: 3),
            .optional(
                "bloomFilter", .list(.text(.name), count: 0...64),
                "Output columns whose files get a bloom filter: worth it where single values of many "
                    + "are looked up.", default: [], examples: [["symbol"]]),
        ])

    static let delta = ObjectShape(
        name: "deltaSink",
        summary: "A Delta Lake table, a commit a batch: `append` adds rows, `complete` replaces "
            + "all, `update` replaces those of the same key; older versions stay readable.",
        tag: "delta",
        keys: [
            .required("path", .text(.path), "The table's directory.", examples: ["lake/ohlcv"]),
            .optional(
                "partitionBy", .list(.text(.name), count: 0...16),
                "Output columns that files are kept apart by.", default: [],
                examples: [["date"]]),
            .optional(
                "keys", .list(.text(.name), count: 1...64),
                "For `update`: the output columns that identify a row.",
                absence: "the grouping columns that are selected", examples: [["symbol"]]),
            .optional(
                "compression", .choice(["zstd", "none"]), "How pages are compressed.",
                default: "zstd"),
            .optional(
                "compressionLevel", .integer(1...22), "The level of zstd.", default: 3),
        ])

    static let table = ObjectShape(
        name: "tableSink",
        summary: "A small table in one Parquet file that every batch replaces; for output modes "
            + "`complete` (all rows) and `update` (rows are replaced by key).",
        tag: "table",
        keys: [
            .required("path", .text(.path), "The table's directory.", examples: ["lake/kpi"]),
            .optional(
                "keys", .list(.text(.name), count: 1...64),
                "For `update`: the output columns that identify a row.",
                absence: "the grouping columns that are selected", examples: [["symbol"]]),
        ])

    static let console = ObjectShape(
        name: "consoleSink",
        summary: "A table of text on standard output.",
        tag: "console",
        keys: [
            .optional(
                "numRows", .integer(0...1_000_000), "The most rows of a batch shown.",
                default: 20),
            .optional(
                "truncate", .oneOf([.boolean, .integer(1...1_000_000)]),
                "The most characters of a value shown; `true` is 20, `false` is all.",
                default: true),
        ])
}
