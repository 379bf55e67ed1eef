public import Columnar
import Storage

// A table's description is the file `_streamer` in its directory; readers of the lake skip names
// that begin with `_`. It is lines of text, each ending with a newline:
//
//     streamer-table 1
//     layout partitioned | replaced
//     checkpoint <id>
//     query <name>
//     column <type> | <type> NOT NULL <tab> <name>      one a column, in order
//     partition <name>                                  one a partition column, in order
//     xxh3 <16 hexadecimal digits of the lines above>
//
// Names and ids are escaped like partition values, so that none can hold a newline.

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

/// What a table's directory says about itself.
public struct TableDescription: Hashable, Sendable {
    /// How batches become files.
    public enum Layout: String, Sendable {
        /// Every batch adds files, in directories of partition values.
        case partitioned
        /// One file, replaced whole.
        case replaced
    }

    /// The file's name.
    public static let fileName = "_streamer"

    /// How batches become files.
    public let layout: Layout
    /// Whose table it is.
    public let owner: TableOwner
    /// The columns as they are written, partition columns included.
    public let schema: Schema
    /// The names of the partition columns, in directory order.
    public let partitionBy: [String]

    /// The columns as they are read: those in the files, then the partition columns.
    public var readSchema: Schema {
        Schema(fileSchema.fields + partitionFields)
    }

    /// The columns that the files hold.
    public var fileSchema: Schema {
        Schema(schema.fields.filter { !partitionBy.contains($0.name) })
    }

    /// The partition columns; they can be null whatever the schema says, as empty strings are.
    public var partitionFields: [Field] {
        partitionBy.compactMap { name in
            schema.index(of: name).map { Field(name, schema[$0].type) }
        }
    }
}

extension TableDescription {
    private static let head = "streamer-table"
    private static let version = 1

    func encoded() -> String {
        var text = "\(Self.head) \(Self.version)\nlayout \(layout.rawValue)\n"
        text += "checkpoint \(PartitionPath.escape(owner.checkpointID))\n"
        text += "query \(PartitionPath.escape(owner.query))\n"
        for field in schema.fields {
            let suffix = field.isNullable ? "" : " NOT NULL"
            text += "column \(field.type)\(suffix)\t\(PartitionPath.escape(field.name))\n"
        }
        for name in partitionBy { text += "partition \(PartitionPath.escape(name))\n" }
        return text + "xxh3 \(Checksum.hex(Checksum.xxh3(Array(text.utf8))))\n"
    }

    init(decoding bytes: [UInt8], path: String) throws(LakeError) {
        func damaged(_ reason: String) -> LakeError {
            LakeError(
                .damagedDescription,
                "the table's description cannot be read: \(reason); restore it from a copy, or "
                    + "clear the table and run the job again", path: path)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw damaged("it is not UTF-8")
        }
        guard text.hasPrefix("\(Self.head) ") else { throw damaged("it does not begin as one") }
        guard text.hasPrefix("\(Self.head) \(Self.version)\n") else {
            throw damaged("it was written by a newer version of streamer; use that one")
        }
        // 16 digits, "xxh3 " and the newline.
        let body = bytes.dropLast(22)
        guard text.hasSuffix("xxh3 \(Checksum.hex(Checksum.xxh3(Array(body))))\n") else {
            throw damaged("its checksum is wrong")
        }
        guard let description = Self.parse(String(decoding: body, as: UTF8.self)) else {
            throw damaged("a line is missing")
        }
        self = description
    }

    private static func parse(_ text: String) -> TableDescription? {
        var values: [Substring: [Substring]] = [:]
        for line in text.split(separator: "\n" as Character).dropFirst() {
            guard let space = line.firstIndex(of: " ") else { return nil }
            values[line[..<space], default: []].append(line[line.index(after: space)...])
        }
        func names(_ key: Substring) -> [String] {
            (values[key] ?? []).compactMap { PartitionPath.unescape($0) }
        }
        let fields = (values["column"] ?? []).compactMap { parseColumn($0) }
        guard let layout = values["layout"]?.first.flatMap({ Layout(rawValue: String($0)) }),
            let checkpoint = names("checkpoint").first, let query = names("query").first,
            Schema.duplicateName(in: fields) == nil
        else { return nil }
        return TableDescription(
            layout: layout, owner: TableOwner(checkpointID: checkpoint, query: query),
            schema: Schema(fields), partitionBy: names("partition"))
    }

    private static func parseColumn(_ text: Substring) -> Field? {
        let parts = text.split(
            separator: "\t" as Character, omittingEmptySubsequences: false)
        guard parts.count == 2, let name = PartitionPath.unescape(parts[1]) else { return nil }
        let suffix = " NOT NULL"
        let isNullable = !parts[0].hasSuffix(suffix)
        let type = isNullable ? parts[0] : parts[0].dropLast(suffix.count)
        return DataType(parsing: String(type)).map { Field(name, $0, isNullable: isNullable) }
    }
}
