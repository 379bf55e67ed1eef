public import ConnectorAPI
import Settings

/// A source of a job, and what is made of its rows before any query sees them.
public struct JobSource: Sendable {
    /// The name of a job's only source, in checkpoints.
    public static let onlyName = "source"

    /// The name, unique in the job.
    public let name: String
    /// What is read.
    public let spec: any SourceSpec
    /// Where the log's rows come from, if the job fills it itself.
    public internal(set) var feed: (any FeedSpec)?
    /// The condition that its rows must fulfil.
    public let `where`: String?
    /// The columns that its rows come with; empty for the source's own.
    public let select: [String]
    /// How far its rows may come late, where that is its own affair.
    public let watermark: WatermarkSpec?

    /// Where a new job begins to read.
    public var startingOffsets: StartingOffsets { spec.startingOffsets }
    /// The most rows of one batch; `nil` is no limit.
    public var maxOffsetsPerTrigger: Int64? { spec.rowsPerBatchMax }
    /// What messages name it by: the log's directory, or the first of its paths.
    public var path: String { spec.placeName }

    /// Where its records go that do not parse, if they are kept.
    public var malformed: SideTable? {
        spec.malformedTable?.directory.map { SideTable(malformedAt: $0, of: name) }
    }

    /// The columns that the source is known to have before it is looked at.
    public var declaredColumns: SourceColumns? {
        let feed = feed?.declaredColumns
        guard spec.declaresColumns else { return feed }
        return spec.declaredColumns.map {
            SourceColumns(
                schema: $0.schema, timeColumn: $0.timeColumn ?? feed?.timeColumn,
                hasSplits: $0.hasSplits)
        }
    }
}

extension JobSource {
    /// A job's only source.
    init(_ spec: any SourceSpec) {
        self.init(
            name: Self.onlyName, spec: spec, feed: nil, where: nil, select: [], watermark: nil)
    }

    /// Stands in for a job's only source that cannot be read.
    static let atFault = JobSource(UnreadableSource())

    /// One of several sources.
    init(_ object: SettingsReader, _ registry: ConnectorRegistry) {
        self.init(
            name: object.string("name"), spec: registry.source(object),
            feed: object.optionalObject("feed").map(registry.feed),
            where: object.optionalString("where"), select: object.optionalStrings("select"),
            watermark: object.optionalObject("watermark").map(WatermarkSpec.init))
    }
}

/// A source whose settings are at fault, while the other faults of its job are looked for.
private struct UnreadableSource: SourceSpec {
    var reads: [OwnedPlace] { [] }
    var declaredColumns: SourceColumns? { nil }
    var summary: String { "" }
    var exported: ExportedSource { ExportedSource(.tickLog(path: "")) }

    func open(_ place: SourcePlace) -> any Source {
        preconditionFailure("a job with faults does not run")
    }

    func status(_ place: SourcePlace) -> SourceStatus {
        preconditionFailure("a job with faults does not run")
    }
}
