import Columnar
import Storage

// What the lines of a Delta log say, as far as this project writes or reads them. The protocol is
// PROTOCOL.md of Delta Lake, reader version 1 and writer version 2.

/// One line of a log entry: something that changes the table.
enum DeltaAction: Sendable {
    case commitInfo(DeltaCommitInfo)
    case versions(DeltaVersions)
    case metadata(DeltaMetadata)
    case transaction(appID: String, version: Int64)
    case add(DeltaFile)
    case remove(DeltaRemoval)
    /// One that the protocol tells readers to pass over.
    case other
}

/// What a reader and a writer of the table must be able to do.
struct DeltaVersions: Sendable, Equatable {
    static let ours = DeltaVersions(reader: 1, writer: 2)

    var reader: Int64
    var writer: Int64
    /// Names of features, of versions that go by names.
    var features: [String] = []
}

/// Who made a commit, and why; the protocol leaves the content to the writer.
struct DeltaCommitInfo: Sendable, Equatable {
    static let engine = "streamer/1"
    /// The operation of a table's first entry.
    static let creation = "CREATE TABLE"

    var timestampMs: Int64?
    var operation = ""
    var parameters: [(String, String)] = []
    var engine = ""

    var isOurs: Bool { engine == Self.engine }

    static func == (left: Self, right: Self) -> Bool {
        left.timestampMs == right.timestampMs && left.operation == right.operation
            && left.engine == right.engine
    }
}

/// What a table is.
struct DeltaMetadata: Sendable {
    /// Keys of the configuration that say whose table it is.
    static let checkpointKey = "streamer.checkpoint"
    static let queryKey = "streamer.query"
    static let layoutKey = "streamer.layout"
    static let appendOnlyKey = "delta.appendOnly"

    var id: String
    var name: String?
    var schema: Schema
    var partitionBy: [String]
    var configuration: [(key: String, value: String)]

    func setting(_ key: String) -> String? {
        configuration.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    var owner: TableOwner? {
        guard let checkpoint = setting(Self.checkpointKey), let query = setting(Self.queryKey)
        else { return nil }
        return TableOwner(checkpointID: checkpoint, query: query)
    }

    var layout: TableDescription.Layout? {
        setting(Self.layoutKey).flatMap { TableDescription.Layout(rawValue: $0) }
    }

    /// The partition columns; they can be null whatever the schema says, as empty strings are.
    var partitionFields: [Field] {
        partitionBy.compactMap { name in
            schema.index(of: name).map { Field(name, schema[$0].type) }
        }
    }

    var fileFields: [Field] { schema.fields.filter { !partitionBy.contains($0.name) } }
}

/// A data file that belongs to the table.
struct DeltaFile: Sendable {
    /// Keys of the tags that this project adds to those of the protocol.
    static let batchTag = "streamer.batch"
    static let checksumTag = "streamer.xxh3"

    /// The path below the table's directory, not URL-encoded.
    var path: String
    var partition: [(column: String, value: String?)]
    var bytes: Int64
    var modifiedMs: Int64
    /// Whether its rows are new, rather than moved here from other files.
    var isDataChange: Bool
    /// The statistics, as JSON text.
    var statistics: String?
    var tags: [(key: String, value: String)] = []
    /// The number of rows, if the statistics say it.
    var rows: Int?

    func tag(_ key: String) -> String? { tags.first { $0.key == key }?.value }

    /// XXH3 of the file, if the one who wrote it noted that.
    var xxh3: UInt64? { tag(Self.checksumTag).flatMap { Checksum.parseHex($0) } }

    func partitionValue(_ column: String) -> String? {
        partition.first { $0.column.utf8.elementsEqual(column.utf8) }?.value
    }
}

/// A data file that no longer belongs to the table.
struct DeltaRemoval: Sendable {
    var path: String
    var partition: [(column: String, value: String?)]
    var bytes: Int64?
    var deletedMs: Int64
    var isDataChange: Bool
}

extension DeltaRemoval {
    init(_ file: DeltaFile, atMs timestampMs: Int64, isDataChange: Bool) {
        path = file.path
        partition = file.partition
        bytes = file.bytes
        deletedMs = timestampMs
        self.isDataChange = isDataChange
    }
}
