import Columnar
import ConnectorAPI
import Decoding
import Settings
import Storage

/// What the specs of feeds from files have in common.
protocol FileSpec: FeedSpec {
    /// The word for the format.
    var format: String { get }
    var input: FeedInput { get }
    var columns: [FeedColumn] { get }
    var eventTime: String { get }
    /// What the content depends on besides files, columns and event time.
    var identityParts: [String] { get }

    /// Whether a record may be several rows: then there is a comma between any two of them.
    var recordsMayBeManyRows: Bool { get }

    /// What reads the format, at the start of a stream; `recordsAreLines` says that a line end
    /// always ends a record.
    func makeParser(recordsAreLines: Bool) -> any RecordParser
}

extension FileSpec {
    /// It is one.
    var recordsMayBeManyRows: Bool { false }

    /// The columns that the text becomes; `nil` while two of them have one name.
    public var declaredColumns: SourceColumns? {
        let fields = FeedColumn.fields(of: columns, eventTime: eventTime)
        guard Schema.duplicateName(in: fields) == nil else { return nil }
        return SourceColumns(schema: Schema(fields), timeColumn: eventTime)
    }

    /// The columns of settings that were checked.
    var schema: Schema {
        guard let schema = declaredColumns?.schema else {
            preconditionFailure("a checked feed has columns of different names")
        }
        return schema
    }

    /// Files have an end.
    public var isBounded: Bool { true }

    /// The rejects table.
    public var malformedTable: OwnedPlace? {
        .directory(
            input.rejectsPath, at: .here["rejects"]["path"], role: "the feed's rejects table")
    }

    /// The format and the paths.
    public var summary: String { "\(format): \(input.paths.joined(separator: ", "))" }

    /// A hash of everything that the content depends on.
    var identity: FeedIdentity {
        FeedIdentity(
            format,
            ["\(input.paths.count)"] + input.paths + ["\(columns.count)"]
                + columns.flatMap(\.identityParts) + [eventTime, "\(input.maxRecordBytes)"]
                + identityParts)
    }
}

extension FeedColumn {
    /// Everything that the column's content depends on.
    fileprivate var identityParts: [String] {
        // What is newer than positions that logs have is told only where it is given.
        let marks = groupMark.map { "marks \(decimalMark) \($0)" } ?? "mark \(decimalMark)"
        let newer =
            (timePattern.map { ["pattern \($0)"] } ?? [])
            + (decimalMark == "." && groupMark == nil ? [] : [marks])
        return newer + [
            name, "\(type)", "\(isNullable)", "\(origin)", timestampFormat.rawValue,
            dateFormat.rawValue, timeZone, "\(scale)", letterCase?.rawValue ?? "unchanged",
        ]
    }
}
