import ConnectorAPI
import JSON
import Operators
import Settings

/// The tables of the job file, version 1, with the formats of a registry.
struct JobFormat: Sendable {
    /// The version that this build reads.
    static let version: Int64 = 1

    /// The most queries of a job.
    static let queriesMax = 100

    let registry: ConnectorRegistry
    /// The file.
    let job: ObjectShape
    /// A feed.
    let feed: Shape
    /// One of several sources.
    let namedSources: [ObjectShape]
    /// One query.
    let query: ObjectShape

    init(_ registry: ConnectorRegistry) {
        self.registry = registry
        let feed = Shape.variants(key: ConnectorRegistry.wordKey, registry.feedShapes)
        self.feed = feed
        let sources = registry.sourceShapes
        namedSources = zip(registry.sources, sources).map { source, shape in
            Self.named(source, feed: feed).answering { shape.answer?($0) }
        }
        query = Self.query(registry)
        job = Self.job(feed: feed, sources: sources, namedSources: namedSources, query: query)
    }
}

extension JobFormat {
    private static func job(
        feed: Shape, sources: [ObjectShape], namedSources: [ObjectShape], query: ObjectShape
    ) -> ObjectShape {
        ObjectShape(
            name: "job",
            summary: "A job: what to read, what to compute, and where results go.",
            oneOf: ["source", "sources"],
            keys: [
                .optional(
                    "$schema", .text(.any), "Where the JSON Schema of job files is, for editors.",
                    absence: "no schema", examples: ["job.schema.json"], comparison: .ignored),
                .optional(
                    "version", .integer(version...version), "The version of the job file's format.",
                    default: 1, comparison: .ignored),
                .required(
                    "name", .text(.fileName),
                    "The job's name, 1 to 64 letters, digits, `_`, `.` and `-`; names its checkpoint.",
                    examples: ["ohlcv"],
                    change: .forbidden(reason: "the checkpoint belongs to the old name")),
                .optional(
                    "feed", feed,
                    "What fills the log while the job runs.", absence: "the log is filled elsewhere"
                ),
                .optional(
                    "source", .variants(key: ConnectorRegistry.wordKey, sources),
                    "The log, or the directory of files, to read; or `sources`.",
                    absence: "`sources` are read",
                    change: .mayComeAndGo(
                        reason: "the checkpoint's offsets are places in the old source")),
                .optional(
                    "sources",
                    .list(
                        .variants(key: ConnectorRegistry.wordKey, namedSources),
                        count: 1...sourcesMax),
                    "Several of them that are read as one: their rows are put together by the names of "
                        + "the columns, which must be the same, with the same types, unless every "
                        + "query says in `from` which one it reads.",
                    absence: "`source` is read",
                    change: .forbidden(
                        reason: "the checkpoint has the offsets of the old sources by name"),
                    comparison: .named(
                        .init(
                            removed: "the checkpoint has its offsets, and the state its rows; keep "
                                + "every source and its name",
                            added: "the checkpoint has no offsets for it, and the state is laid "
                                + "out for the old sources; give it a job of its own",
                            moved: "of rows with one event time those of the earlier source come "
                                + "first"))),
                .optional(
                    "watermark", .object(watermark),
                    "How far rows may come late, whatever log they are of.",
                    absence: "each of `sources` has its own, or no window ever closes",
                    change: watermarkChange),
                .optional(
                    "trigger", .object(trigger), "When batches run.",
                    default: ["processingTime": "0 seconds"]),
                .optional(
                    "checkpointLocation", .text(.path),
                    "The directory of the job's offsets, commits and state.",
                    absence: "`checkpoints/` and the job's name", examples: ["checkpoints/ohlcv"]),
                .optional("options", .object(options), "Settings of the engine.", default: [:]),
                .required(
                    "queries", .list(.object(query), count: 1...queriesMax),
                    "The queries; all of them commit together.",
                    comparison: .named(
                        .init(
                            removed: "the checkpoint has its state; keep every query",
                            added: "it has not seen the rows so far; give it a job of its own"))),
            ])
    }

    /// What a checkpoint says when a watermark comes or goes.
    static let watermarkChange = ChangeRule.forbiddenOnceCommitted(
        reason: "windows of the old state close by the old rule")
    /// What a checkpoint says of a table beside the results: it may come and go, but not move.
    static let sideTableChange = ChangeRule.mayComeAndGo(
        reason: "the rows so far are in the old directory")

    static let watermark = ObjectShape(
        name: "watermark",
        summary: "The watermark: the greatest event time seen, less a delay. It closes windows.",
        keys: [
            .required(
                "eventTime", .text(.name), "The event-time column, a timestamp.",
                examples: ["event_time"],
                change: .forbiddenOnceCommitted(
                    reason: "the watermark so far was that of the old column")),
            .required(
                "delayThreshold", .text(.duration), "How long late rows are waited for.",
                examples: ["5 seconds"]),
            .optional(
                "by", .choice(WatermarkScope.allCases.map(\.rawValue)),
                "Of what the greatest event time is taken: of all rows (`source`, Spark's way), or "
                    + "of each partition of a topic (`split`), of which the slowest decides. A "
                    + "partition counts from its first row until everything of it is read and "
                    + "nothing came for `idleTimeout`, or a minute; when none counts, all rows "
                    + "decide.", default: .string(WatermarkScope.source.rawValue)),
            .optional(
                "idleTimeout", .text(.duration),
                "After how long without new rows the source no longer holds windows open.",
                absence: "it always does, as in Spark", examples: ["10 seconds"]),
            .optional(
                "closeAtEnd", .boolean,
                "Whether a run with trigger `availableNow` closes the windows that are still open "
                    + "when its feeds have ended and everything is read; Spark leaves them open.",
                default: false),
            .optional(
                "maxFutureSkew", .text(.duration),
                "How far ahead of the clock of its batch an event time may be; a row beyond is "
                    + "set aside: no query sees it, and it does not move the watermark.",
                absence: "any row moves the watermark, as in Spark", examples: ["1 minute"]),
            .optional(
                "rejects", .object(sideTable),
                "The table of rows that were set aside: their columns, `reason`, `clock`, "
                    + "`ahead_ms`, `batch`.", absence: "they are counted only",
                examples: [["path": "lake/future"]], change: sideTableChange,
                comparison: .whole),
        ])

    static let sideTable = ObjectShape(
        name: "sideTable",
        summary: "A Parquet table of rows that take no part in the results.",
        keys: [
            .required("path", .text(.path), "The table's directory.", examples: ["lake/late"])
        ])

    static let trigger = ObjectShape(
        name: "trigger",
        summary: "When batches run; exactly one of these keys.",
        isOneKeyOnly: true,
        keys: [
            .optional(
                "availableNow", .yes,
                "Run everything that is there at the start, in batches of the rate limit; stop.",
                absence: "-"),
            .optional(
                "once", .yes,
                "Run one batch of everything that is there, whatever the rate limit; stop.",
                absence: "-"),
            .optional(
                "processingTime", .text(.fixedDuration),
                "Run a batch at every multiple of the interval until stopped; `0 seconds` is as "
                    + "soon as there is something to do.",
                absence: "-", examples: ["1 second"]),
            .optional(
                "realTime", .text(.fixedDuration),
                "Show rows of queries in `update` mode on the console as they come, and commit "
                    + "every so often (at least `5 seconds`), until stopped; other sinks get their "
                    + "rows with the commit.",
                absence: "-", examples: ["30 seconds"]),
        ])

    static let options = ObjectShape(
        name: "options",
        summary: "Settings of the engine; none changes what rows come out, but for the last four.",
        keys: [
            .optional(
                "threads", .integer(0...256), "Threads that compute; 0 is one a processor.",
                default: 0),
            .optional(
                "stateSnapshotIntervalBatches", .integer(1...10_000),
                "Every how many batches the whole state is written, not only what changed.",
                default: 10),
            .optional(
                "maxStateRows", .integer(1...2_000_000_000),
                "The most groups that one query may hold; beyond it the job stops.",
                default: 10_000_000),
            .optional(
                "maxStateBytes", .integer(1_048_576...1_099_511_627_776),
                "The most memory, in bytes, that the state of one query may take; beyond it the "
                    + "job stops.",
                default: 4_294_967_296),
            .optional(
                "minBatchesToRetain", .integer(2...1_000_000),
                "How many batches back `replay` can go.", default: 100),
            .optional(
                "multipleWatermarkPolicy", .choice(WatermarkPolicy.allCases.map(\.rawValue)),
                "How the watermarks of several `sources` become one: `min`, the slowest decides; "
                    + "`max`, the fastest.", default: "min",
                change: .forbidden(
                    reason: "the watermark so far followed the old policy, which Spark keeps in "
                        + "the checkpoint")),
            .optional(
                "noDataBatches", .boolean,
                "Whether a batch without rows runs when the watermark moved, to close windows.",
                default: true),
            .optional(
                "noDataBatchAfterRestart", .boolean,
                "Whether that also happens right after a restart (Spark does not).",
                default: true),
            .optional(
                "sessionUpdate", .boolean,
                "Whether session windows may have output mode `update` (Spark refuses it).",
                default: false),
        ])
}
