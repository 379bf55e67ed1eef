import JSON
public import Settings

/// The formats that a program knows.
public struct ConnectorRegistry: Sendable {
    /// The kinds of sources, in the order of the reference.
    public let sources: [SourceFormat]
    /// The kinds of sinks.
    public let sinks: [SinkFormat]
    /// The kinds of feeds.
    public let feeds: [FeedFormat]
    /// The kind of sink that keeps rows which take no part in the results.
    private let sideTables: SinkFormat

    /// These formats; words are unique among sources, sinks and feeds each.
    ///
    /// - Parameters:
    ///   - sources: the kinds of sources.
    ///   - sinks: the kinds of sinks.
    ///   - feeds: the kinds of feeds.
    ///   - sideTables: the kind of sink for late rows and the like: it needs a `path` and nothing
    ///     more.
    public init(
        sources: [SourceFormat], sinks: [SinkFormat], feeds: [FeedFormat], sideTables: SinkFormat
    ) {
        for shapes in [sources.map(\.shape), sinks.map(\.shape), feeds.map(\.shape)] {
            let words = shapes.compactMap(\.tag)
            precondition(Set(words).count == shapes.count, "two formats have one word: \(words)")
        }
        self.sources = sources
        self.sinks = sinks
        self.feeds = feeds
        self.sideTables = sideTables
    }

    /// The source of some settings that were checked.
    public func source(_ settings: SettingsReader) -> any SourceSpec {
        format(of: settings, among: sources, \.shape).read(settings)
    }

    /// The sink of some settings that were checked.
    public func sink(_ settings: SettingsReader) -> any SinkSpec {
        format(of: settings, among: sinks, \.shape).read(settings)
    }

    /// The feed of some settings that were checked.
    public func feed(_ settings: SettingsReader) -> any FeedSpec {
        format(of: settings, among: feeds, \.shape).read(settings)
    }

    private func format<Format>(
        of settings: SettingsReader, among formats: [Format], _ shape: (Format) -> ObjectShape
    ) -> Format {
        let word = settings.string(Self.wordKey)
        guard let format = formats.first(where: { shape($0).tag == word }) else {
            preconditionFailure("the format \(word) was checked and is not registered")
        }
        return format
    }

    /// The key that says which format an object of settings is of.
    public static let wordKey = "format"

    /// A table of rows that take no part in the results.
    public func sideTable(at path: String) -> any SinkSpec {
        let settings = JSONValue.object([("path", .string(path))])
        return sideTables.read(SettingsReader(defaultsOf: sideTables.shape, settings))
    }

    /// The settings of a sink that needs none, for messages that recommend one.
    public var simplestSink: String? {
        let simple = sinks.first { format in
            !format.shape.keys.contains(where: \.isRequired)
        }
        return simple?.shape.tag.map { "{\"\(Self.wordKey)\": \"\($0)\"}" }
    }
}
