public import Columnar
import Storage

// What a table says about itself stands in two places, because some readers take every file of a
// directory that has bytes for data:
//
// - Each data file holds its columns, and its partition columns under the key
//   `streamer.partitionColumns` of its metadata: a line `<type> <tab> <name>` for each.
// - An empty file in the table's directory, whose name begins with `_streamer,1,`, says whose
//   table it is: then follow 16 hexadecimal digits that tell the description apart (XXH3), the
//   checkpoint's id and the query's name, with commas between. An owner too long for a file name
//   is `~` and 16 hexadecimal digits. Names and ids are escaped like partition values, and commas
//   too.

/// Whose table it is: the checkpoint and the query that write it.
public struct TableOwner: Hashable, Sendable {
    /// The checkpoint's identity.
    public let checkpointID: String
    /// The query's name in the job.
    public let query: String

    /// An owner.
    public init(checkpointID: String, query: String) {
        self.checkpointID = checkpointID
        self.query = query
    }
}

/// What a table is made of.
public struct TableDescription: Hashable, Sendable {
    /// How batches become files.
    public enum Layout: String, Sendable {
        /// Every batch adds files, in directories of partition values.
        case partitioned
        /// One file, replaced whole.
        case replaced
    }

    /// How batches become files.
    public let layout: Layout
    /// The columns as they are written, partition columns included.
    public let schema: Schema
    /// The names of the partition columns, in directory order.
    public let partitionBy: [String]

    /// The columns that the files hold.
    var fileFields: [Field] { schema.fields.filter { !partitionBy.contains($0.name) } }

    /// The partition columns; they can be null whatever the schema says, as empty strings are.
    var partitionFields: [Field] {
        partitionBy.compactMap { name in
            schema.index(of: name).map { Field(name, schema[$0].type) }
        }
    }

    /// Tells descriptions apart: any change of columns, types or partitioning changes it.
    var fingerprint: String {
        let fields = schema.fields.map { "\($0.type)\t\($0.isNullable)\t\(escapedName($0.name))\n" }
        let partitions = partitionBy.map { "\(escapedName($0))\n" }
        let text = "\(layout.rawValue)\n\(fields.joined())\n\(partitions.joined())"
        return Checksum.hex(Checksum.xxh3(Array(text.utf8)))
    }
}

/// Text as a part of a marker's name or of a metadata line.
private func escapedName(_ text: String) -> String {
    PartitionPath.escape(text).split(separator: "," as Character, omittingEmptySubsequences: false)
        .joined(separator: "%2C")
}

/// The partition columns as data files state them.
enum PartitionColumns {
    static let key = "streamer.partitionColumns"

    static func encode(_ fields: [Field]) -> String {
        fields.map { "\($0.type)\t\(escapedName($0.name))" }.joined(separator: "\n")
    }

    /// Nil when the text is not of that form.
    static func decode(_ text: String) -> [Field]? {
        var fields: [Field] = []
        for line in text.split(separator: "\n" as Character) {
            let parts = line.split(separator: "\t" as Character, omittingEmptySubsequences: false)
            guard parts.count == 2, let type = DataType(parsing: String(parts[0])),
                let name = PartitionPath.unescape(parts[1])
            else { return nil }
            fields.append(Field(name, type))
        }
        return fields
    }
}

/// The empty file that says whose table a directory is.
struct OwnerMarker: Equatable {
    static let prefix = "_streamer,"
    private static let version = "1"

    let name: String
    /// Which part of the name says whose table it is.
    let owner: String
    let fingerprint: String

    init(_ owner: TableOwner, _ description: TableDescription) {
        let readable = Self.text(of: owner)
        let head = "\(Self.prefix)\(Self.version),\(description.fingerprint),"
        let fits = head.utf8.count + readable.utf8.count <= PartitionPath.nameBytesMax
        self.owner = fits ? readable : Self.hash(of: owner)
        fingerprint = description.fingerprint
        name = head + self.owner
    }

    private static func text(of owner: TableOwner) -> String {
        "\(escapedName(owner.checkpointID)),\(escapedName(owner.query))"
    }

    /// What stands for an owner that is too long for a name.
    static func hash(of owner: TableOwner) -> String {
        "~" + Checksum.hex(Checksum.xxh3(Array(text(of: owner).utf8)))
    }

    /// Nil when the name is not a marker's.
    ///
    /// - Throws: `.damagedDescription` for a marker of another version.
    init?(name: String, in directory: Path) throws(LakeError) {
        guard name.hasPrefix(Self.prefix) else { return nil }
        let parts = name.split(
            separator: "," as Character, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == Self.version, Checksum.parseHex(parts[2]) != nil else {
            throw LakeError(
                .damagedDescription,
                "'\(name)' is not an owner's mark that this version of streamer knows; use the "
                    + "version that made the table", path: directory.string)
        }
        self.name = name
        fingerprint = String(parts[2])
        owner = String(parts[3])
    }

    /// The owner, or nil when its name was too long to be kept.
    var tableOwner: TableOwner? {
        let parts = owner.split(separator: "," as Character, omittingEmptySubsequences: false)
        guard parts.count == 2, let checkpoint = PartitionPath.unescape(parts[0]),
            let query = PartitionPath.unescape(parts[1])
        else { return nil }
        return TableOwner(checkpointID: checkpoint, query: query)
    }
}
