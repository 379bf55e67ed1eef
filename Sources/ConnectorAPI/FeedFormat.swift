public import Columnar
public import JSON
public import Settings
public import Storage

/// A kind of feed: the settings that it takes, and what they come to.
public struct FeedFormat: Sendable {
    /// Its word (`tag`), what it is for, and its keys: check, schema and reference follow them.
    public let shape: ObjectShape
    /// Reads settings that were checked.
    public let read: @Sendable (SettingsReader) -> any FeedSpec
    /// How files of this kind are described in a few words; `nil` for a feed that reads no files.
    public let files: FileFeedSettings?

    /// A kind of feed.
    public init(
        shape: ObjectShape, files: FileFeedSettings? = nil,
        read: @escaping @Sendable (SettingsReader) -> any FeedSpec
    ) {
        precondition(shape.tag != nil, "a format has a word")
        self.shape = shape
        self.files = files
        self.read = read
    }
}

/// How the settings of a feed from files follow from columns.
public struct FileFeedSettings: Sendable {
    /// What the names of such files end with, without the dot and in small letters.
    public let nameEndings: [String]
    /// The settings for files with these columns, but for `format` and `paths`.
    public let settings: @Sendable (DescribedFiles) -> [(String, JSONValue)]
    /// Whether the files say themselves which columns they have.
    public let filesHaveColumns: Bool

    /// Settings that follow from columns.
    public init(
        nameEndings: [String], filesHaveColumns: Bool = false,
        settings: @escaping @Sendable (DescribedFiles) -> [(String, JSONValue)]
    ) {
        self.nameEndings = nameEndings
        self.filesHaveColumns = filesHaveColumns
        self.settings = settings
    }
}

/// Files described in a few words.
public struct DescribedFiles: Sendable {
    /// A column of the files.
    public struct Column: Sendable {
        /// The column that it becomes.
        public let field: Field
        /// How a timestamp is written, in the words of the feed's settings; `nil` is as usual.
        public let timestampFormat: String?
        /// Whether it is passed over.
        public let isSkipped: Bool

        /// A column.
        public init(_ field: Field, timestampFormat: String? = nil, isSkipped: Bool = false) {
            self.field = field
            self.timestampFormat = timestampFormat
            self.isSkipped = isSkipped
        }
    }

    /// The columns in the order of the files; none where the files say them.
    public let columns: [Column]
    /// The event-time column, if it is known.
    public let eventTime: String?
    /// Whether the files name their fields in the first line.
    public let hasHeader: Bool
    /// What stands between fields; `nil` is as usual.
    public let delimiter: String?

    /// Files of these columns.
    public init(
        columns: [Column], eventTime: String?, hasHeader: Bool = true, delimiter: String? = nil
    ) {
        self.columns = columns
        self.eventTime = eventTime
        self.hasHeader = hasHeader
        self.delimiter = delimiter
    }
}

/// What a job says of one feed; a value.
public protocol FeedSpec: Sendable {
    /// The columns that it appends to the log; `nil` while two of them have one name, for which
    /// ``check(_:)`` refuses the settings.
    var declaredColumns: SourceColumns? { get }
    /// Whether it comes to an end by itself.
    var isBounded: Bool { get }
    /// The directory of the table that records go to that do not parse, if they can occur.
    var malformedTable: OwnedPlace? { get }
    /// What it is, in one line.
    var summary: String { get }

    /// Notes what the settings must keep to together.
    func check(_ faults: inout SettingFaults)

    /// The feed at its start; fails on the world, not on settings.
    func make(_ place: FeedPlace) throws(ConnectorError) -> any Feed
}

/// Everything that a feed may need to begin.
public struct FeedPlace: Sendable {
    /// The file system.
    public let files: any FileSystem
    /// The clocks.
    public let time: any TimeSource
    /// The columns of the log that it fills, if that is there already.
    public let log: SourceColumns?
    /// The value of the secret that a text such as `${NAME}` asks for; it never enters a message.
    public let secrets: @Sendable (String) -> String?

    /// What a feed may need.
    public init(
        files: any FileSystem, time: any TimeSource = SystemTime(), log: SourceColumns? = nil,
        secrets: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.files = files
        self.time = time
        self.log = log
        self.secrets = secrets
    }
}
