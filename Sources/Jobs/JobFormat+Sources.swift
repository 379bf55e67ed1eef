import ConnectorAPI
import JSON
import Settings

/// The tables of what a job reads.
extension JobFormat {
    /// The most sources of a job.
    static let sourcesMax = 32

    /// A format as that of one of several sources.
    static func named(_ format: SourceFormat, feed: Shape) -> ObjectShape {
        let takesFeed = format.takesFeed
        var source = format.shape.with { keys in
            [sourceName] + keys + shapeKeys + (takesFeed ? [filling(feed)] : [])
        }
        source.name = "named" + source.name.prefix(1).uppercased() + source.name.dropFirst()
        source.summary =
            "One of several sources: " + source.summary.prefix(1).lowercased()
            + source.summary.dropFirst()
        return source
    }

    private static func filling(_ feed: Shape) -> KeyShape {
        .optional(
            "feed", feed, "What fills this log while the job runs.",
            absence: "the log is filled elsewhere")
    }

    private static let sourceName = KeyShape.required(
        "name", .text(.fileName),
        "The source's name, unique in the job; names its offsets in the checkpoint.",
        examples: ["bac"])

    private static let shapeKeys: [KeyShape] = [
        .optional(
            "where", .text(.expression), "The condition that its rows must fulfil.",
            absence: "all rows", examples: ["price > 0"], comparison: .meaning),
        .optional(
            "select", .list(.text(.expression), count: 1...1_000),
            "The columns that its rows come with: `expression AS name`, row by row.",
            absence: "its own", examples: [["*", "'bac' AS venue"]],
            change: .forbiddenOnceCommitted(
                reason: "the queries' state was made of the old columns"),
            comparison: .meaning),
        .optional(
            "watermark", .object(watermark),
            "How far rows of this source may come late; over the columns of `select`.",
            absence: "the job's, or this source's rows do not move the watermark",
            change: watermarkChange),
    ]
}
