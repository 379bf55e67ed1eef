public import Columnar
public import ConnectorAPI
public import Expressions
public import Operators
import Settings

/// A job whose expressions are resolved against the log's columns.
public struct JobPlan: Sendable {
    /// The columns of the rows that come in: the log's, or those of the union of all sources; none
    /// where every query reads one by its name, or another query.
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
    /// The columns, of the shape or of the log, that become those of `schema`; `nil` where they are
    /// the same.
    public let columns: [Int]?
    /// The columns of the rows as queries read them.
    public let schema: Schema
    /// The column of `schema` that is the event time, if there is one.
    public let eventTimeColumn: Int?
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
    /// The query that it reads, as an index into ``JobPlan/queries``; `nil` reads sources.
    public let upstream: Int?
    /// The only source that it reads, by its name, as an index into ``JobPlan/sources``; `nil` reads
    /// all, unless it reads a query.
    public let source: Int?
    /// The columns that it reads.
    public let input: Schema
    /// Of which lanes the rows are that it reads.
    public let lanes: LaneLayout
    /// Which rows that pass the plan's filter it leaves out as duplicates, if any.
    public let deduplication: Deduplication?
    /// What it computes.
    public let plan: QueryPlan
    /// Which rows of the result a batch hands on.
    public let outputMode: OutputMode
    /// Where rows go; tables in `update` mode have their keys.
    public let sinks: [any SinkSpec]
    /// The event-time column of the input, which orders `first` and `last`, if there is one.
    public let eventTimeColumn: Int?
    /// Whether the watermark bounds that column, so that windows over it close.
    public let isWatermarked: Bool
    /// Where its late rows go, if the job keeps them.
    public let late: SideTable?

    /// The columns that come out.
    public var outputSchema: Schema { plan.outputSchema }

    /// Of which lanes the rows are that come out: groups are of one.
    public var outputLanes: LaneLayout {
        plan.aggregation == nil ? lanes : .one
    }
}

extension PlannedQuery {
    /// What its operators are made from.
    ///
    /// - Parameters:
    ///   - delayMs: how far the watermark stays behind, for a query that it reaches.
    ///   - limits: how large each state may become.
    /// - Returns: what makes them.
    public func operators(
        watermarkDelayMs delayMs: Int64?, _ limits: OperatorLimits = OperatorLimits()
    ) -> QueryOperators {
        QueryOperators(
            plan: plan, deduplication: deduplication, mode: outputMode,
            eventTimeColumn: eventTimeColumn,
            watermarkDelay: isWatermarked ? Milliseconds(delayMs ?? 0) : nil, lanes: lanes,
            limits: limits)
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
                    timeColumn: columns.timeColumn ?? source.spec.feed?.declaredColumns?.timeColumn,
                    hasSplits: columns.hasSplits))
        }
        for log in logs { planner.checkColumns(of: log) }
        let indexed = queries.enumerated().map { IndexedQuery(index: $0.offset, spec: $0.element) }
        planner.unite(logs, readBy: indexed)
        let plan = planner.plan(indexed)
        let found = planner.faults.found
        guard found.isEmpty else { throw JobErrors(Self.inFileOrder(found)) }
        return plan
    }

    private var indexedSources: [IndexedSource] {
        sources.enumerated().map {
            IndexedSource(index: hasNamedSources ? $0.offset : nil, spec: $0.element)
        }
    }
}
