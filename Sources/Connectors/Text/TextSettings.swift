import Columnar
public import ConnectorAPI
import Decoding
import FileSources
import JSON
import Settings

/// Delimited text files as a feed.
public let csvFeed = textFeed(
    "csv", summary: "Delimited text files. A record that does not parse goes to the rejects table.",
    keys: CSVSpec.keys,
    files: FileFeedSettings(nameEndings: ["csv", "tsv", "txt"]) { files in
        let columns = files.described(positions: !files.hasHeader)
        return files.eventTimeSetting + [
            ("columns", .array(columns)), ("header", .bool(files.hasHeader)),
            ("delimiter", .string(files.delimiter ?? ",")),
        ]
    }
) { CSVSpec($0, $1) }

/// Files of JSON lines as a feed.
public let jsonFeed = textFeed(
    "json",
    summary: "One JSON object a line. A line that does not parse goes to the rejects table.",
    keys: JSONLinesSpec.keys,
    files: FileFeedSettings(nameEndings: ["json", "jsonl", "ndjson"]) { files in
        files.eventTimeSetting + [("fields", .array(files.described(positions: false)))]
    }
) { JSONLinesSpec($0, $1) }

/// A directory of delimited text files as a source.
public let csvSource = textSource(
    "csv",
    summary: "A directory of delimited text files that grows; a line end ends a record.",
    keys: CSVSpec.keys
) { CSVSpec($0, $1) }

/// A directory of files of JSON lines as a source.
public let jsonSource = textSource(
    "json", summary: "A directory of files that grows, with one JSON object a line.",
    keys: JSONLinesSpec.keys
) { JSONLinesSpec($0, $1) }

// MARK: Feeds

private func textFeed<Spec: FileSpec & Sendable>(
    _ word: String, summary: String,
    keys: @autoclosure @escaping @Sendable () -> [KeyShape], files: FileFeedSettings,
    read: @escaping @Sendable (SettingsReader, FeedInput) -> Spec
) -> FeedFormat {
    return FeedFormat(
        shape: ObjectShape(
            name: "\(word)Feed", summary: summary, tag: word,
            keys: feedKeys + keys() + [FeedInput.recordBytesKey, rejects]
        ).answering(keys: ForeignKeys.ofText),
        files: files
    ) { object in
        var input = FeedInput(object.oneOrMoreStrings("paths"))
        input.follows = object.bool("follow")
        input.maxRecordBytes = object.int("maxRecordBytes")
        input.rejectsPath = object.object("rejects").string("path")
        input.rejectsMaxShare = object.object("rejects").double("maxShare")
        return read(object, input)
    }
}

private let feedKeys: [KeyShape] = [
    .required(
        "paths", .oneOf([.text(.path), .list(.text(.path), count: 1...10_000)]),
        "Files or globs (`*`, `?`, `[…]`), in this order, a glob's by name; `-` is standard input. "
            + "gzip, zstd, lz4 and zip files are recognised; behind `.zip:` comes a glob for entries.",
        examples: ["ticks/*.csv.gz", ["a.csv", "b.csv"], "ticks.zip:*.csv"]),
    .optional(
        "follow", .boolean,
        "Whether the last file may still grow: its last line, while it has no line end, is then "
            + "left for the next time.", default: false),
]

private let rejects = KeyShape.optional(
    "rejects", .object(rejectsShape), "What becomes of records that do not parse.", default: [:])

private let rejectsShape = ObjectShape(
    name: "rejects",
    summary: "What becomes of records that do not parse.",
    keys: [
        .optional(
            "path", .text(.path), "The table they go to: reason, source, offset, text.",
            default: "lake/rejects"),
        .optional(
            "maxShare", .number(0...1),
            "The share of rejected records beyond which the feed stops, once it has read 1000.",
            default: 0.1),
    ])

extension DescribedFiles {
    fileprivate var eventTimeSetting: [(String, JSONValue)] {
        eventTime.map { [("eventTime", .string($0))] } ?? []
    }

    /// The columns as settings; each with its field's position where the files name none.
    fileprivate func described(positions: Bool) -> [JSONValue] {
        columns.enumerated().filter { !$0.element.isSkipped }.map { position, column in
            var members: [(String, JSONValue)] = [
                ("name", .string(column.field.name)),
                ("type", .string(column.field.type.description)),
                ("nullable", .bool(column.field.isNullable)),
            ]
            if let format = column.timestampFormat {
                let isWord = FeedColumn.TimestampFormat(rawValue: format) != nil
                members.append((isWord ? "format" : "timestampFormat", .string(format)))
            }
            if positions { members.append(("from", .integer(position))) }
            return .object(members)
        }
    }
}

// MARK: Sources

private let mode = KeyShape.optional(
    "mode", .choice(ParseMode.allCases.map(\.rawValue)),
    "What becomes of a record that does not parse: the batch fails, or it is left out and "
        + "counted.", default: "FAILFAST")

/// The keys of a format of files, where a checkpoint rests on the columns.
private func fixed(_ keys: [KeyShape]) -> [KeyShape] {
    let reason = "the rows so far had the old columns"
    return keys.map { key in
        switch key.name {
        case "columns", "fields": key.comparedByName(forbidden: reason)
        case "eventTime", "explode", "explodeOuter":
            key.changing(.forbiddenOnceCommitted(reason: reason))
        default: key
        }
    }
}

private func textSource<Spec: FileSpec & Sendable>(
    _ word: String, summary: String, keys: @autoclosure @escaping @Sendable () -> [KeyShape],
    read: @escaping @Sendable (SettingsReader, FeedInput) -> Spec
) -> SourceFormat {
    return SourceFormat(
        shape: ObjectShape(
            name: "\(word)Source", summary: summary, tag: word,
            keys: FileSelection.keys + [mode, FeedInput.recordBytesKey] + fixed(keys())
        ).answering(keys: ForeignKeys.ofText)
    ) { object in
        let selection = FileSelection(object)
        var input = FeedInput(selection.paths)
        input.maxRecordBytes = object.int("maxRecordBytes")
        return TextSourceSpec(
            read(object, input), selection, object.choice("mode", ParseMode.self))
    }
}
