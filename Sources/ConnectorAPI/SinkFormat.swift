public import Columnar
public import Expressions
public import Settings

/// A kind of sink: the settings that it takes, and what they come to.
public struct SinkFormat: Sendable {
    /// Its word (`tag`), what it is for, and its keys: check, schema and reference follow them.
    public let shape: ObjectShape
    /// Reads settings that were checked.
    public let read: @Sendable (SettingsReader) -> any SinkSpec

    /// A kind of sink.
    public init(
        shape: ObjectShape, read: @escaping @Sendable (SettingsReader) -> any SinkSpec
    ) {
        precondition(shape.tag != nil, "a format has a word")
        self.shape = shape
        self.read = read
    }
}

/// What a job says of one sink; a value.
public protocol SinkSpec: Sendable {
    /// The word of its format.
    var word: String { get }
    /// What of its batches is still there to be compared.
    var history: SinkHistory { get }
    /// What it writes: no two parts of a job may own the same. None is a sink whose batches leave
    /// nothing behind.
    var owns: [OwnedPlace] { get }
    /// What it is, in one line.
    var summary: String { get }
    /// Whether it can show rows while their batch runs.
    var showsLive: Bool { get }
    /// Whether it is for a person who watches: without a terminal it is not opened.
    var needsTerminal: Bool { get }
    /// What a program for Spark does instead.
    var exported: ExportedSink { get }

    /// Notes what a query's rows do not have that the sink needs, and fills in what it takes from
    /// the query.
    mutating func check(_ query: QueryShape, _ faults: inout SettingFaults)

    /// Opens it; fails on the world, not on settings.
    func open(_ place: SinkPlace) throws(ConnectorError) -> any Sink
}

extension SinkSpec {
    /// Rows are shown with the commit.
    public var showsLive: Bool { false }
    /// Batches are kept whoever watches.
    public var needsTerminal: Bool { false }

    /// Whether it writes to something that is no directory of this machine.
    public var isOutside: Bool { owns.contains { $0.directory == nil } }

    /// The directories that it writes.
    public var directories: [String] { owns.compactMap(\.directory) }
}

/// The rows that a sink gets.
public struct QueryShape: Sendable {
    /// Their columns.
    public let schema: Schema
    /// Which rows of the result a batch hands on; `nil` while the job's word for it is at fault.
    public let mode: OutputMode?
    /// The columns that tell groups apart, if the query has groups and all of them are among the
    /// columns.
    public let grouping: [String]?

    /// The rows of a query.
    public init(schema: Schema, mode: OutputMode?, grouping: [String]?) {
        self.schema = schema
        self.mode = mode
        self.grouping = grouping
    }

    /// Notes a name that is no column.
    public func require(
        _ name: String, _ faults: inout SettingFaults, at pointer: JSONPointer
    ) {
        guard schema.index(of: name) == nil else { return }
        let similar = nearest(to: name, among: schema.names)
        faults.note(
            .unknownName,
            "No output column is named \"\(name.escapedForMessage)\"." + didYouMean(similar)
                + " Columns: \(listed(schema.names)).",
            at: pointer, suggestion: similar)
    }
}
