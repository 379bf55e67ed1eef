import ArrowConnector
import Columnar
import CommandLine
import ConnectorAPI
import Connectors
import Expressions
import JSON
import Jobs
import Storage
import TickLog

/// What `log append` reads: a feed put together from the command line.
struct AppendInput {
    /// The feed, at its start.
    let feed: any Feed
    /// The table for rows that do not parse, if they can occur.
    let rejectsPath: String?

    /// The feed that a command line describes.
    ///
    /// - Throws: a mistake when it says too little, or what it says cannot be read.
    init(_ arguments: Arguments, log: Path) throws {
        let files = arguments.list("FILE")
        let existing = try machineFiles.exists(log.appending("log.json")) ? openLog(at: log) : nil
        if try Self.format(arguments, files) == "arrow" {
            feed = try ArrowFeed(
                files, target: existing.map { ($0.schema, $0.timeColumn) },
                eventTime: arguments.text("event-time"), machineFiles)
            rejectsPath = nil
            return
        }
        let (object, origin) = try Self.feedObject(arguments, files, existing)
        let spec = try Self.read(object, origin: origin, log: log)
        feed = try spec.makeFeed(files: machineFiles)
        rejectsPath = spec.rejectsPath
    }

    /// `csv`, `json` or `arrow`: as asked, as the first file's name says, or `nil`.
    private static func format(
        _ arguments: Arguments, _ files: [String]
    ) throws(UsageError) -> String? {
        if let format = arguments.text("format") { return format }
        guard arguments.text("job") == nil, arguments.text("feed") == nil else { return nil }
        let name = files.first ?? ""
        let parts = name.lowercased().split(separator: "." as Character).dropFirst()
        for part in parts.reversed() where !["gz", "zip"].contains(part) {
            switch part {
            case "csv", "tsv", "txt": return "csv"
            case "json", "jsonl", "ndjson": return "json"
            case "arrow", "arrows", "ipc", "feather": return "arrow"
            default: break
            }
        }
        throw arguments.fault(
            files.isEmpty
                ? "say which files to append, or --job or --feed; '-' is standard input"
                : "'\(shown(name))' does not say its format; add --format csv, json or arrow")
    }

    /// The feed object, and what it is called in messages.
    private static func feedObject(
        _ arguments: Arguments, _ files: [String], _ log: TickLogReader?
    ) throws -> (JSONValue, String) {
        var members: [JSONMember]
        let origin: String
        if let path = arguments.text("job") ?? arguments.text("feed") {
            origin = path
            members = try givenFeed(
                path, isJob: arguments.text("job") != nil, log: arguments.word("LOG"))
        } else {
            origin = "the command line"
            members = try describedFeed(arguments, log)
        }
        if !files.isEmpty {
            members.removeAll { $0.key == "paths" }
            members.append(JSONMember("paths", .array(files.map { .string($0) })))
        }
        if let format = arguments.text("format") {
            members.removeAll { $0.key == "format" }
            members.append(JSONMember("format", .string(format)))
        }
        return (JSONValue(.object(members)), origin)
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

    /// A feed of the columns that --schema or the log name.
    private static func describedFeed(
        _ arguments: Arguments, _ log: TickLogReader?
    ) throws -> [JSONMember] {
        let isCSV = try format(arguments, arguments.list("FILE")) == "csv"
        let hasHeader = !arguments.has("no-header")
        let columns: [DescribedColumn]
        if let text = arguments.text("schema") {
            columns = try DescribedColumn.list(text)
        } else if let log {
            columns = log.schema.fields.map { DescribedColumn($0) }
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
        let listed = columns.enumerated().filter { !$0.element.isSkipped }.map { index, column in
            column.json(position: isCSV && !hasHeader ? index : nil)
        }
        var members = [
            JSONMember("format", .string(isCSV ? "csv" : "json")),
            JSONMember(isCSV ? "columns" : "fields", .array(listed)),
            JSONMember("eventTime", .string(eventTime)),
        ]
        if isCSV {
            let delimiter = arguments.text("delimiter") ?? ","
            members.append(JSONMember("header", .bool(hasHeader)))
            members.append(
                JSONMember("delimiter", .string(delimiter == "\\t" ? "\t" : delimiter)))
        }
        return members
    }

    /// Reads a feed object as the feed of a job that does nothing else.
    private static func read(
        _ feed: JSONValue, origin: String, log: Path
    ) throws -> FeedSpec {
        let job = JSONValue.object([
            ("name", "append"), ("feed", feed),
            ("source", .object([("format", "log"), ("path", .string(log.string))])),
            (
                "queries",
                [
                    .object([
                        ("name", "rows"), ("select", ["*"]), ("outputMode", "append"),
                        ("sinks", [.object([("format", "console")])]),
                    ])
                ]
            ),
        ])
        do {
            let loaded = try Job.load(
                Array(job.text().utf8), path: origin, environment: processEnvironment)
            guard let spec = loaded.sources[0].feed else {
                preconditionFailure("the job has a feed")
            }
            return spec
        } catch {
            throw UsageError(
                error.errors.map { fault in
                    let isInFeed = fault.pointer.hasPrefix("/feed")
                    let place = isInFeed ? String(fault.pointer.dropFirst("/feed".count)) : ""
                    return "\(origin): \(place.isEmpty ? "" : place + ": ")\(fault.message)"
                }.joined(separator: "\n"), verb: "log append")
        }
    }
}

/// A column as --schema or a log describes it.
private struct DescribedColumn {
    let field: Field
    let timestampFormat: String?

    /// Whether a field of the file is passed over.
    var isSkipped: Bool { field.name == "_" }

    init(_ field: Field, timestampFormat: String? = nil) {
        self.field = field
        self.timestampFormat = timestampFormat
    }

    /// Reads `name type [NOT NULL], …`.
    static func list(_ text: String) throws(UsageError) -> [DescribedColumn] {
        var columns: [DescribedColumn] = []
        for part in splitAtTopLevel(text) { columns.append(try DescribedColumn(parsing: part)) }
        let names = columns.filter { !$0.isSkipped }.map(\.field)
        if let name = Schema.duplicateName(in: names) {
            throw UsageError("--schema names the column '\(shown(name))' twice")
        }
        return columns
    }

    private init(parsing text: String) throws(UsageError) {
        var words = text.split(separator: " " as Character).map(String.init)
        var isNullable = true
        if words.count > 3, words.suffix(2).map({ $0.lowercased() }) == ["not", "null"] {
            isNullable = false
            words.removeLast(2)
        }
        guard words.count >= 2 || words == ["_"] else {
            throw UsageError(
                "--schema: '\(shown(text))' is no column; write it as: price double")
        }
        let typeText = words.count == 1 ? "string" : words.dropFirst().joined()
        if typeText.lowercased().hasPrefix("timestamp("), typeText.hasSuffix(")") {
            let format = String(typeText.dropFirst("timestamp(".count).dropLast())
            self.init(
                Field(words[0], .timestamp, isNullable: isNullable), timestampFormat: format)
            return
        }
        guard let type = DataType(parsing: typeText) else {
            let meant = nearest(to: typeText, among: DataType.names)
            throw UsageError(
                "--schema: there is no type '\(shown(typeText))'; "
                    + (meant.map { "did you mean '\($0)'?" }
                        ?? "the types are: \(DataType.names.joined(separator: ", "))"))
        }
        self.init(Field(words[0], type, isNullable: isNullable))
    }

    /// The column as a feed object has it.
    func json(position: Int?) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("name", .string(field.name)), ("type", .string(field.type.description)),
            ("nullable", .bool(field.isNullable)),
        ]
        if let timestampFormat { members.append(("format", .string(timestampFormat))) }
        if let position { members.append(("from", .integer(position))) }
        return .object(members)
    }

    /// The parts between commas that are not inside parentheses, without the spaces around them.
    private static func splitAtTopLevel(_ text: String) -> [String] {
        var parts: [Substring] = []
        var depth = 0
        var start = text.startIndex
        for index in text.indices {
            switch text[index] {
            case "(": depth += 1
            case ")": depth -= 1
            case "," where depth == 0:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return (parts + [text[start...]]).map(trimmed)
    }
}
