public import Columnar
public import Expressions
public import Operators

/// A job whose expressions are resolved against the log's columns.
public struct JobPlan: Sendable {
    /// The columns of the rows that come in: the log's, or those of the union of all sources.
    public let input: Schema
    /// The columns of each log.
    public let columns: [SourceColumns]
    /// The sources, in the job's order.
    public let sources: [PlannedSource]
    /// The event-time column of the input: the watermark's, or the one the rows are ordered by.
    public let eventTimeColumn: Int?
    /// The queries, each after the one that it reads.
    public let queries: [PlannedQuery]
    /// The watermarks over the event-time column, in the order of their sources.
    public let watermarks: [PlannedWatermark]
}

/// How the rows of a log become rows of the job's input.
public struct PlannedSource: Sendable {
    /// Its name, unique in the job.
    public let name: String
    /// What is made of each row of the log first; `nil` for nothing.
    public let shape: ProjectionPlan?
    /// The columns, of the shape or of the log, that become the columns of the input; `nil` where
    /// they are the same.
    public let columns: [Int]?
    /// Which of ``JobPlan/watermarks`` its rows move, if any.
    public let watermark: Int?
}

/// A watermark of the job: over all of its rows, or over those of one source.
public struct PlannedWatermark: Sendable {
    /// Its name in checkpoints: its source's.
    public let name: String
    /// How it moves.
    public let spec: WatermarkSpec
    /// Where rows go that are too far ahead of the clock, if the job keeps them.
    public let rejects: SideTable?
}

/// A table of rows that take no part in the results.
public struct SideTable: Hashable, Sendable {
    /// What writes it: the name of its owner beside those of the queries.
    public let owner: String
    /// Its directory.
    public let path: String
    /// The columns of the rows, then those that say why they are here.
    public let schema: Schema
}

/// One query of a job, resolved and typed.
public struct PlannedQuery: Sendable {
    /// Its index in ``Job/queries``.
    public let index: Int
    /// Its name.
    public let name: String
    /// The query that it reads, as an index into ``JobPlan/queries``; `nil` reads the source.
    public let upstream: Int?
    /// The columns that it reads.
    public let input: Schema
    /// How many sources the rows that it reads are a union of.
    public let sources: Int
    /// Which rows that pass the plan's filter it leaves out as duplicates, if any.
    public let deduplication: Deduplication?
    /// What it computes.
    public let plan: QueryPlan
    /// Which rows of the result a batch hands on.
    public let outputMode: OutputMode
    /// Where rows go; tables in `update` mode have their keys.
    public let sinks: [SinkSpec]
    /// The event-time column of the input, which orders `first` and `last`, if there is one.
    public let eventTimeColumn: Int?
    /// Whether the watermark bounds that column, so that windows over it close.
    public let isWatermarked: Bool
    /// Where its late rows go, if the job keeps them.
    public let late: SideTable?

    /// Whose state the rows are that a query with duplicates to leave out remembers: no query has
    /// such a name.
    public var duplicatesOwner: String { "\(name)+duplicates" }

    /// The columns that come out.
    public var outputSchema: Schema { plan.outputSchema }

    /// How many sources the rows that come out are a union of: groups are of no source.
    public var outputSources: Int {
        if case .projection = plan { sources } else { 1 }
    }
}

extension Job {
    /// Resolves every expression against the columns of the only log of a job.
    ///
    /// - Parameters:
    ///   - inputSchema: the columns of the log.
    ///   - timeColumn: the log's own event-time column, for a job without watermark.
    /// - Returns: the queries, each after the one that it reads.
    /// - Throws: every fault at once.
    public func plan(
        inputSchema: Schema, timeColumn: String? = nil
    ) throws(JobErrors) -> JobPlan {
        try plan([SourceColumns(schema: inputSchema, timeColumn: timeColumn)])
    }

    /// Resolves every expression against the columns of the job's logs.
    ///
    /// - Parameter columns: the columns of each source, in the job's order.
    /// - Returns: the queries, each after the one that it reads.
    /// - Throws: every fault at once.
    public func plan(_ columns: [SourceColumns]) throws(JobErrors) -> JobPlan {
        precondition(columns.count == sources.count, "columns for each source")
        var planner = JobPlanner(
            text: text, watermark: watermark, allowsSessionUpdate: options.sessionUpdate)
        let logs = zip(indexedSources, columns).map { source, columns in
            SourceInput(
                source: source,
                columns: SourceColumns(
                    schema: columns.schema,
                    timeColumn: columns.timeColumn ?? source.spec.feed?.eventTime))
        }
        for log in logs { planner.checkColumns(of: log) }
        planner.unite(logs)
        let indexed = queries.enumerated().map { IndexedQuery(index: $0.offset, spec: $0.element) }
        let plan = planner.plan(indexed)
        guard planner.errors.isEmpty else { throw JobErrors(Self.inFileOrder(planner.errors)) }
        return plan
    }

    private var indexedSources: [IndexedSource] {
        sources.enumerated().map {
            IndexedSource(index: hasNamedSources ? $0.offset : nil, spec: $0.element)
        }
    }
}
