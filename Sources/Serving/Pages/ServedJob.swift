import Columnar
public import Engine
import JSON

/// What a page says of a job as a whole.
public struct ServedJob: Sendable {
    /// The job's name.
    public var name: String
    /// When its batches run, in words.
    public var trigger: String
    /// What its sources are.
    public var sources: [String]
    /// The program's version.
    public var version: String
    /// The job as its file has it: variables such as `${NAME}` stand as they were written.
    public var text: String
    /// Whether an engine runs it here.
    public var hasEngine: Bool
    /// How fast a replay goes on, which its page may change; nil for what is no replay.
    public var replay: ReplayPace?

    /// A job of these facts.
    public init(
        name: String, trigger: String, sources: [String], version: String, text: String,
        hasEngine: Bool, replay: ReplayPace? = nil
    ) {
        self.name = name
        self.trigger = trigger
        self.sources = sources
        self.version = version
        self.text = text
        self.hasEngine = hasEngine
        self.replay = replay
    }
}

extension ServedQuery {
    /// The query as `hello` and `/api/jobs` say it.
    var json: JSONValue {
        .object([
            ("q", .string(name)), ("mode", .string("\(mode)")),
            ("interval_ms", intervalMs.map { .integer($0) } ?? .null),
            ("cols", .array(schema.names.map { .string($0) })),
            ("types", .array(schema.fields.map { .string("\($0.type)") })),
            ("view", .string(view.rawValue)),
            ("symbol", symbolColumn.map { .integer($0) } ?? .null),
            ("time", timeColumn.map { .integer($0) } ?? .null),
            ("keys", .array(groupColumns.map { .integer($0) })),
            ("hasTable", .bool(table != nil)),
        ])
    }
}
