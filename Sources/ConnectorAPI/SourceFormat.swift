public import Settings

/// A kind of source: the settings that it takes, and what they come to.
public struct SourceFormat: Sendable {
    /// Its word (`tag`), what it is for, and its keys: check, schema and reference follow them.
    public let shape: ObjectShape
    /// Reads settings that were checked.
    public let read: @Sendable (SettingsReader) -> any SourceSpec
    /// Whether a feed can fill what it reads.
    public let takesFeed: Bool

    /// A kind of source.
    public init(
        shape: ObjectShape, takesFeed: Bool = false,
        read: @escaping @Sendable (SettingsReader) -> any SourceSpec
    ) {
        precondition(shape.tag != nil, "a format has a word")
        self.shape = shape
        self.takesFeed = takesFeed
        self.read = read
    }
}

/// What a job says of one source; a value.
public protocol SourceSpec: Sendable {
    /// What it reads: the first is what messages name it by.
    var reads: [OwnedPlace] { get }
    /// Whether the settings say which columns there are.
    var declaresColumns: Bool { get }
    /// The columns that the settings say it has; `nil` while two of them have one name, for which
    /// ``check(_:)`` refuses them.
    var declaredColumns: SourceColumns? { get }
    /// Where a new job begins.
    var startingOffsets: StartingOffsets { get }
    /// The most rows of a batch; `nil` is no limit of the kind.
    var rowsPerBatchMax: Int64? { get }
    /// The directory of the tick log that it reads, if it reads one: what a feed fills.
    var tickLog: String? { get }
    /// The directory of the table that records go to that do not parse, if they are kept.
    var malformedTable: OwnedPlace? { get }
    /// Whether rows can be shown as they come: there is one order of rows, all of one kind.
    var canBeLive: Bool { get }
    /// What it reads and how, in one line.
    var summary: String { get }
    /// What a program for Spark reads instead, and what it cannot do.
    var exported: ExportedSource { get }

    /// Notes what the settings must keep to together.
    func check(_ faults: inout SettingFaults)

    /// Opens it; fails on the world, not on settings.
    func open(_ place: SourcePlace) throws(ConnectorError) -> any Source

    /// What is known of it while nothing is changed.
    func status(_ place: SourcePlace) throws(ConnectorError) -> SourceStatus
}

extension SourceSpec {
    /// Not unless there are columns.
    public var declaresColumns: Bool { declaredColumns != nil }
    /// At the oldest row.
    public var startingOffsets: StartingOffsets { .earliest }
    /// No limit.
    public var rowsPerBatchMax: Int64? { nil }
    /// It reads no log.
    public var tickLog: String? { nil }
    /// They are not kept.
    public var malformedTable: OwnedPlace? { nil }
    /// They cannot.
    public var canBeLive: Bool { false }
    /// Nothing is left to check.
    public func check(_ faults: inout SettingFaults) {}
    /// What messages name the source by.
    public var placeName: String { reads.first?.name ?? "" }
}
