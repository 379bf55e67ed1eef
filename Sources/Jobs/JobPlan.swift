public import Columnar
public import Expressions
public import Operators

/// A job whose expressions are resolved against the log's columns.
public struct JobPlan: Sendable {
    /// The columns of the log.
    public let input: Schema
    /// The event-time column of the log: the watermark's, or the one the rows are ordered by.
    public let eventTimeColumn: Int?
    /// The queries, each after the one that it reads.
    public let queries: [PlannedQuery]
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
}

extension Job {
    /// Resolves every expression against the log's columns.
    ///
    /// - Parameters:
    ///   - inputSchema: the columns of the log.
    ///   - timeColumn: the log's own event-time column, for a job without watermark.
    /// - Returns: the queries, each after the one that it reads.
    /// - Throws: every fault at once.
    public func plan(
        inputSchema: Schema, timeColumn: String? = nil
    ) throws(JobErrors) -> JobPlan {
        var planner = JobPlanner(
            text: text, input: inputSchema, watermark: watermark,
            timeColumn: timeColumn ?? feed?.eventTime,
            allowsSessionUpdate: options.sessionUpdate)
        planner.checkInput(declared: source.schema, feed: feed?.schema)
        let indexed = queries.enumerated().map { IndexedQuery(index: $0.offset, spec: $0.element) }
        let plan = planner.plan(indexed)
        guard planner.errors.isEmpty else { throw JobErrors(Self.inFileOrder(planner.errors)) }
        return plan
    }
}
