import Columnar
public import ConnectorAPI
import JSON
import Settings

/// The tick log as a source.
///
/// - Parameter history: the formats of directories whose rows may be read before the log's.
/// - Returns: the format.
public func logSource(history: [SourceFormat]) -> SourceFormat {
    SourceFormat(
        shape: ObjectShape(
            name: "logSource", summary: "A tick log.", tag: LogSourceSpec.word, isUsual: true,
            keys: keys(history)),
        takesFeed: true
    ) { object in
        LogSourceSpec(
            path: object.string("path"), startingOffsets: startingOffsets(object),
            rowsPerBatchMax: object.optionalInteger("maxOffsetsPerTrigger"),
            declared: SourceColumns.Declared(object),
            logWriting: LogWriting(
                appendDelayMicros: object.durationMicros("maxAppendDelay"),
                retentionAgeMicros: object.optionalObject("retention")?
                    .optionalDurationMicros("time"),
                retentionBytes: object.optionalObject("retention")?.optionalByteSize("bytes")),
            backfill: object.optionalObject("backfill").map { backfill in
                let word = backfill.string(ConnectorRegistry.wordKey)
                guard let format = history.first(where: { $0.shape.tag == word }) else {
                    preconditionFailure("the history \(word) was checked and is not known")
                }
                return Backfill(
                    history: format.read(backfill), untilMicros: backfill.micros("until"))
            })
    }
}

private let placeReason = "the checkpoint's offsets are places in the old source"

private func keys(_ history: [SourceFormat]) -> [KeyShape] {
    var keys: [KeyShape] = [
        .required(
            "path", .text(.path), "The log's directory.", examples: ["log/ticks"],
            change: .forbidden(reason: placeReason)),
        .optional(
            "startingOffsets",
            .oneOf([
                .choice(["earliest", "latest"]), .integer(0...Int64.max),
                .object(startingTimestamp),
            ]),
            "Where a new job begins; a job that has a checkpoint goes on from there.",
            default: "earliest",
            examples: ["earliest", 1_000_000, ["timestamp": "2026-01-05T14:30:00Z"]]),
        .optional(
            "maxOffsetsPerTrigger", .integer(1...1_000_000_000), "The most rows of a batch.",
            absence: "no limit", examples: [250_000]),
        .optional(
            "maxAppendDelay", .text(.fixedDuration),
            "The longest that rows of the feed wait for others, so that they are one append.",
            default: "1 ms", examples: ["1 ms", "5 ms"]),
        .optional(
            "retention", .object(retention),
            "How long the log keeps rows. Whoever writes the log removes its oldest segments beside "
                + "its readers, but none that a checkpoint still has to read.",
            absence: "as it was set before; all rows at first",
            examples: [["time": "30 days", "bytes": "100 GB"]]),
        SourceColumns.key("The columns that the log must have.", absence: "the log's own"),
    ]
    guard let word = history.first?.shape.tag else { return keys }
    keys.append(
        .optional(
            "backfill",
            .variants(
                key: ConnectorRegistry.wordKey,
                history.map { backfillShape($0, isOnly: history.count == 1) }),
            "History that is read before the log, from a directory.",
            absence: "the log alone is read",
            examples: [
                .object([
                    (ConnectorRegistry.wordKey, .string(word)), ("path", "history"),
                    ("until", "2026-01-05T00:00:00Z"),
                ])
            ],
            change: .forbidden(reason: placeReason), comparison: .whole))
    return keys
}

private let retention = ObjectShape(
    name: "retention",
    summary: "How long a log keeps rows, by time, by size, or by whichever is reached first.",
    keys: [
        .optional(
            "time", .text(.fixedDuration), "For how long, since their segment was sealed.",
            absence: "no limit", examples: ["30 days"]),
        .optional(
            "bytes", .text(.byteSize), "How large the log may be.", absence: "no limit",
            examples: ["100 GB"]),
    ])

private let startingTimestamp = ObjectShape(
    name: "startingTimestamp",
    summary: "A place in the log by event time.",
    keys: [
        .required(
            "timestamp", .text(.timestamp),
            "The first row with this event time or a later one.",
            examples: ["2026-01-05T14:30:00Z"])
    ])

/// A format as history: its columns are the log's.
private func backfillShape(_ format: SourceFormat, isOnly: Bool) -> ObjectShape {
    let word = format.shape.tag ?? ""
    return ObjectShape(
        name: isOnly ? "backfill" : "\(word)Backfill",
        summary: "History in a directory of \(word.prefix(1).uppercased() + word.dropFirst()) "
            + "files: its rows before a time, then the log's rows from that time on. Files that "
            + "come after the first run are not read.",
        tag: word,
        keys: [
            .required(
                "until", .text(.timestamp), "The event time from which on rows are the log's.",
                examples: ["2026-01-05T00:00:00Z"])
        ] + format.shape.keys.filter { $0.name != "schema" })
}

private func startingOffsets(_ object: SettingsReader) -> StartingOffsets {
    let starting = object.optional("startingOffsets") ?? "earliest"
    return switch starting.kind {
    case .integer(let offset): .at(SourceOffsets(only: offset))
    case .object: .time(EventTime(micros: SettingsReader(starting).micros("timestamp")))
    default: starting == "latest" ? .latest : .earliest
    }
}
