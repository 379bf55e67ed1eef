public import ConnectorAPI
public import Expressions
import JSON
import Settings

/// A job as its file describes it, checked in everything that can be checked without the log.
public struct Job: Sendable {
    /// The path of the file it was read from, as given.
    public let path: String
    /// The job's name; part of file names and of progress reports.
    public let name: String
    /// The logs that the job reads as one, in the order of the file; at least one.
    public let sources: [JobSource]
    /// Whether the file lists its sources by name, be it only one.
    public let hasNamedSources: Bool
    /// How far rows of any source may come late; `nil` where each source says it for itself, or
    /// no window ever closes.
    public let watermark: WatermarkSpec?
    /// When batches run.
    public let trigger: TriggerSpec
    /// The directory of offsets, commits and state.
    public let checkpointLocation: String
    /// Settings of the engine.
    public let options: JobOptions
    /// The queries, in the order of the file.
    public let queries: [QuerySpec]

    /// The file's tree with all defaults filled in.
    let filled: JSONValue
    /// The text that ``load(_:path:environment:registry:)`` read, kept to give errors their place.
    let text: SettingsText
    /// The formats that the job may have, and the tables of its file.
    let format: JobFormat

    /// The formats that the job may have.
    public var registry: ConnectorRegistry { format.registry }

    /// The columns of each log as far as the job knows them: by its `schema`, or its feed's;
    /// `nil` when it does not know them all.
    public var declaredColumns: [SourceColumns]? {
        let known = sources.compactMap(\.declaredColumns)
        return known.count == sources.count ? known : nil
    }

    /// All watermarks: the job's, or those of its sources.
    public var watermarks: [WatermarkSpec] {
        ([watermark] + sources.map(\.watermark)).compactMap(\.self)
    }

    /// The directories of all tables that the job's queries write.
    public var tablePaths: [String] {
        queries.flatMap { $0.sinks.flatMap(\.directories) } + sideTables.map(\.path)
    }

    /// Tables of rows that take no part in the results: who writes each, and its directory.
    public var sideTables: [(owner: String, path: String)] {
        let late = queries.compactMap { query in
            query.latePath.map { (SideTable.lateOwner(query: query.name), $0) }
        }
        let own = sources.compactMap { source in
            source.watermark?.rejectsPath.map { (SideTable.rejectsOwner(of: source.name), $0) }
        }
        let shared = watermark?.rejectsPath.map { (SideTable.rejectsOwner(of: nil), $0) }
        let malformed = sources.compactMap(\.malformed).map { ($0.owner, $0.path) }
        return late + own + [shared].compactMap(\.self) + malformed
    }
}

/// One query of a job.
public struct QuerySpec: Sendable {
    /// The name; part of file names.
    public var name: String
    /// The query whose output is read; `nil` reads the source.
    public var from: String?
    /// The filter over input rows.
    public var `where`: String?
    /// Columns of which rows that fulfil the filter must not agree with an earlier one.
    public var dropDuplicates: [String]
    /// The same, as far as the watermark's delay reaches.
    public var dropDuplicatesWithinWatermark: [String]
    /// Grouping expressions, at most one of them a window.
    public var groupBy: [String]
    /// Output columns.
    public var select: [String]
    /// The filter over groups.
    public var having: String?
    /// Which rows of the result a batch hands to the sinks.
    public var outputMode: OutputMode
    /// Where rows go.
    public var sinks: [any SinkSpec]
    /// The directory of the table that late rows go to, if the job keeps them.
    public var latePath: String?
}
