import Columnar
public import ConnectorAPI
import JSON
import Settings

/// Arrow IPC streams and files as a feed.
public let arrowFeed = FeedFormat(
    shape: ObjectShape(
        name: "arrowFeed",
        summary: "Arrow IPC streams and files, which have their columns with them.",
        tag: ArrowFeedSpec.word,
        keys: [
            .required(
                "paths", .oneOf([.text(.path), .list(.text(.path), count: 1...10_000)]),
                "Files, in this order; `-` is standard input.",
                examples: ["ticks.arrows", ["a.arrow", "b.arrow"]]),
            .optional(
                "eventTime", .text(.name), "The event-time column that a new log gets.",
                absence: "the only timestamp", examples: ["event_time"]),
        ]),
    files: FileFeedSettings(
        nameEndings: ["arrow", "arrows", "ipc", "feather"], filesHaveColumns: true
    ) { files in files.eventTime.map { [("eventTime", .string($0))] } ?? [] }
) { object in
    ArrowFeedSpec(
        paths: object.oneOrMoreStrings("paths"), eventTime: object.optionalString("eventTime"))
}

/// Arrow IPC streams and files.
struct ArrowFeedSpec: FeedSpec {
    static let word = "arrow"

    /// The files, in order; `-` is standard input.
    let paths: [String]
    /// The event-time column that a new log gets; `nil` is the only timestamp.
    let eventTime: String?

    /// What the files hold is known when they are open.
    var declaredColumns: SourceColumns? { nil }
    var isBounded: Bool { true }
    /// A batch is whole or refused.
    var malformedTable: OwnedPlace? { nil }
    var summary: String { "\(Self.word): \(paths.joined(separator: ", "))" }

    func check(_ faults: inout SettingFaults) {}

    func make(_ place: FeedPlace) throws(ConnectorError) -> any Feed {
        try connectorErrors {
            try ArrowFeed(paths, target: place.log, eventTime: eventTime, place.files)
        }
    }
}
