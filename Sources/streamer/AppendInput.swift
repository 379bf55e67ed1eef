import Columnar
import CommandLine
import ConnectorAPI
import JSON
import Jobs
import Registry
import Settings
import Storage
import TickLog

/// What `log append` reads: a feed put together from the command line.
struct AppendInput {
    /// The feed, at its start.
    let feed: any Feed
    /// The table for rows that do not parse, if they can occur.
    let rejectsPath: String?

    /// The words of the feeds that read files.
    static let words = fileFeeds.compactMap(\.shape.tag)

    private static let fileFeeds = ConnectorRegistry.all.feeds.filter { $0.files != nil }

    /// The feed that a command line describes.
    ///
    /// - Throws: a mistake when it says too little, or what it says cannot be read.
    init(_ arguments: Arguments, log: Path) throws {
        let existing = try machineFiles.isTaken(log.appending("log.json")) ? openLog(at: log) : nil
        let (object, origin) = try Self.feedObject(arguments, existing)
        let spec = try Self.read(object, origin: origin)
        feed = try spec.make(
            FeedPlace(
                files: machineFiles,
                log: existing.map { SourceColumns(schema: $0.schema, timeColumn: $0.timeColumn) },
                secrets: { jobVariables[$0] }))
        rejectsPath = spec.malformedTable?.directory
    }

    /// The feed that reads files of a kind: as asked, or as the first file's name says.
    private static func format(_ arguments: Arguments) throws(UsageError) -> FeedFormat {
        let files = arguments.list("FILE")
        if let word = arguments.text("format"),
            let format = fileFeeds.first(where: { $0.shape.tag == word })
        {
            return format
        }
        let name = files.first ?? ""
        let parts = name.lowercased().split(separator: "." as Character).dropFirst()
        let ending = parts.last { !["gz", "zip", "zst", "lz4", "xz", "bz2"].contains($0) }
        let format = fileFeeds.first { format in
            ending.map { format.files?.nameEndings.contains(String($0)) ?? false } ?? false
        }
        if let format { return format }
        let words = words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
        throw arguments.fault(
            files.isEmpty
                ? "say which files to append, or --job or --feed; '-' is standard input"
                : "'\(shown(name))' does not say its format; add --format \(words)")
    }

    /// The feed object, and what it is called in messages.
    private static func feedObject(
        _ arguments: Arguments, _ log: TickLogReader?
    ) throws -> (JSONValue, String) {
        let files = arguments.list("FILE")
        var members: [JSONMember]
        let origin: String
        if let path = arguments.text("job") ?? arguments.text("feed") {
            origin = path
            members = try givenFeed(
                path, isJob: arguments.text("job") != nil, log: arguments.word("LOG"))
            if let word = arguments.text("format") { members.set("format", .string(word)) }
        } else {
            origin = "the command line"
            members = try describedFeed(arguments, log)
        }
        if !files.isEmpty { members.set("paths", .array(files.map { .string($0) })) }
        if arguments.has("follow") {
            try requireFollow(of: members, arguments)
            members.set("follow", .bool(true))
        }
        return (JSONValue(.object(members)), origin)
    }

    /// Refuses `--follow` for files that are written whole.
    private static func requireFollow(
        of members: [JSONMember], _ arguments: Arguments
    ) throws(UsageError) {
        let word = members.first { $0.key == "format" }?.value.stringValue
        guard let format = fileFeeds.first(where: { $0.shape.tag == word }),
            format.shape.key("follow") == nil
        else { return }
        throw arguments.fault(
            "--follow is for files that grow line by line; files of the format \(word ?? "") are "
                + "written whole")
    }

    private static func givenFeed(
        _ path: String, isJob: Bool, log: String
    ) throws -> [JSONMember] {
        let bytes = try readSmallFile(path)
        let value: JSONValue
        do {
            value = try JSONValue.parse(bytes)
        } catch {
            let place = TextPosition(offset: error.offset, in: bytes)
            throw UsageError("\(path):\(place): \(error.message)")
        }
        // Of several sources it is the one that reads this log.
        let source = value["sources"]?.elements?.first { $0["path"]?.stringValue == log }
        guard let members = (isJob ? (source ?? value)["feed"] : value)?.members else {
            throw UsageError(
                isJob
                    ? "\(path) has no feed\(value["sources"] == nil ? "" : " for the log \(log)"); name files and --schema, or another job"
                    : "\(path): expected a JSON object, such as the \"feed\" of a job")
        }
        return members
    }

    /// A feed of the columns that --schema or the log name, or that the files have.
    private static func describedFeed(
        _ arguments: Arguments, _ log: TickLogReader?
    ) throws -> [JSONMember] {
        let format = try format(arguments)
        guard let settings = format.files, let word = format.shape.tag else { return [] }
        let files =
            if settings.filesHaveColumns {
                try filesWithColumns(arguments, word)
            } else {
                try describedFiles(arguments, log)
            }
        let members = [("format", JSONValue.string(word))] + settings.settings(files)
        return members.map { JSONMember($0.0, $0.1) }
    }

    /// Files that say their columns themselves: what says others would be passed over.
    private static func filesWithColumns(
        _ arguments: Arguments, _ word: String
    ) throws(UsageError) -> DescribedFiles {
        let given = [
            arguments.text("schema").map { _ in "--schema" },
            arguments.text("delimiter") == "," ? nil : "--delimiter",
            arguments.has("no-header") ? "--no-header" : nil,
        ].compactMap(\.self)
        if let option = given.first {
            throw arguments.fault(
                "\(option) is for files of text; files of the format \(word) have their columns "
                    + "with them: leave it out")
        }
        return DescribedFiles(columns: [], eventTime: arguments.text("event-time"))
    }

    private static func describedFiles(
        _ arguments: Arguments, _ log: TickLogReader?
    ) throws -> DescribedFiles {
        let columns: [DescribedFiles.Column]
        if let text = arguments.text("schema") {
            columns = try DescribedFiles.Column.list(text)
        } else if let log {
            columns = log.schema.fields.map { DescribedFiles.Column(of: $0) }
        } else {
            throw arguments.fault(
                "there is no log in \(arguments.word("LOG")) yet: say its columns with --schema, "
                    + "--feed or --job")
        }
        let times = columns.filter { $0.field.type == .timestamp && !$0.isSkipped }
        guard
            let eventTime = arguments.text("event-time") ?? log?.timeColumn
                ?? (times.count == 1 ? times[0].field.name : nil)
        else {
            throw arguments.fault(
                times.isEmpty
                    ? "--schema has no column of type timestamp: one must be the event time"
                    : "say which column is the event time: --event-time "
                        + times.map(\.field.name).joined(separator: " or "))
        }
        let delimiter = arguments.text("delimiter").map { $0 == "\\t" ? "\t" : $0 }
        return DescribedFiles(
            columns: columns, eventTime: eventTime, hasHeader: !arguments.has("no-header"),
            delimiter: delimiter)
    }

    /// Reads a feed object.
    private static func read(_ feed: JSONValue, origin: String) throws -> any FeedSpec {
        do {
            return try Job.loadFeed(
                Array(feed.text().utf8), path: origin, environment: jobVariables,
                registry: .all)
        } catch {
            throw UsageError(
                error.errors.map { fault in
                    "\(origin): \(fault.pointer.isEmpty ? "" : fault.pointer + ": ")\(fault.message)"
                }.joined(separator: "\n"), verb: "log append")
        }
    }
}

extension [JSONMember] {
    /// Puts a value in, in place of the one there is.
    fileprivate mutating func set(_ key: String, _ value: JSONValue) {
        removeAll { $0.key == key }
        append(JSONMember(key, value))
    }
}
