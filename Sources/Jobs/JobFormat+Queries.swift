import ConnectorAPI
import Expressions
import JSON
import Settings

extension JobFormat {
    static func query(_ registry: ConnectorRegistry) -> ObjectShape {
        ObjectShape(
            name: "query",
            summary: "One query: rows of the source, or of another query, filtered and aggregated.",
            keys: [
                .required(
                    "name", .text(.fileName),
                    "The query's name, unique in the job; names its state.",
                    examples: ["ohlcv"]),
                .optional(
                    "from", .text(.name),
                    "The query whose output, or the source whose rows, are read.",
                    absence: "all sources are read",
                    change: .forbidden(
                        reason: "what it computed so far comes from other rows")),
                .optional(
                    "where", .text(.expression), "The condition that input rows must fulfil.",
                    absence: "all rows", examples: ["price > 0 AND volume > 0"],
                    comparison: .meaning),
                .optional(
                    "dropDuplicates", .list(.text(.name), count: 1...63),
                    "Columns: of the rows that agree in all of them the first is kept, after `where` "
                        + "and before anything else.",
                    absence: "every row is kept", examples: [["symbol", "trade_id"]],
                    change: duplicatesChange),
                .optional(
                    "dropDuplicatesWithinWatermark", .list(.text(.name), count: 1...63),
                    "The same, but a row is remembered only until the watermark passes its event time "
                        + "by `delayThreshold`.",
                    absence: "every row is kept", examples: [["symbol", "trade_id"]],
                    change: duplicatesChange),
                .optional(
                    "groupBy", .list(.text(.expression), count: 0...64),
                    "What makes a group: columns, expressions, and at most one window.",
                    default: [],
                    examples: [["symbol", "window(event_time, '1 minute')"]],
                    change: .forbiddenOnceCommitted(
                        reason: "the state is kept by the old groups and windows"),
                    comparison: .meaning),
                .required(
                    "select", .list(.text(.expression), count: 1...1_000),
                    "The output columns: `expression AS name`.",
                    examples: [["symbol", "window.start AS window_start", "count(*) AS trades"]],
                    change: aggregatesChange, comparison: .meaning, holds: hasState),
                .optional(
                    "having", .text(.expression), "The condition that groups must fulfil.",
                    absence: "all groups", examples: ["count(*) > 10"],
                    change: aggregatesChange, comparison: .meaning, holds: hasState),
                .optional(
                    "outputMode", .choice(OutputMode.allCases.map(\.rawValue)),
                    "`append`: rows that will not change any more; `update`: rows that changed in "
                        + "this batch; `complete`: all rows, every batch.", default: "append",
                    change: .forbiddenOnceCommitted(
                        reason: "the state follows the old mode's rules"),
                    holds: hasState),
                Self.sinks(registry),
                .optional(
                    "late", .object(sideTable),
                    "The table of rows that were too late: the input's columns, `query`, `watermark`, "
                        + "`lateness_ms`, `batch`.", absence: "late rows are counted only",
                    examples: [["path": "lake/late"]], change: sideTableChange,
                    comparison: .whole),
            ])
    }

    private static func sinks(_ registry: ConnectorRegistry) -> KeyShape {
        .optional(
            "sinks",
            .list(
                .variants(
                    key: ConnectorRegistry.wordKey, registry.sinkShapes),
                count: 0...16),
            "Where rows go; a query that others read needs none.", default: [],
            change: .forbidden(reason: "the batches so far are in the old sinks"),
            comparison: .placed { registry.sink(SettingsReader($0)).owns.map(\.name) })
    }

    private static let duplicatesChange = ChangeRule.forbiddenOnceCommitted(
        reason: "the state remembers rows by the old columns")
    private static let aggregatesChange = ChangeRule.forbiddenOnceCommitted(
        reason: "the state has the old aggregates")

    /// Whether a query may have state as far as its text says; an aggregate over everything has
    /// none of these marks but the mode, since it cannot append.
    @Sendable private static func hasState(_ query: JSONValue) -> Bool {
        query["groupBy"] != [] || query["having"] != nil || query["outputMode"] != "append"
    }
}
