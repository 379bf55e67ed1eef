import Columnar
import JSON

extension DeltaAction {
    /// The line of a log entry, without its end.
    var json: JSONValue {
        switch self {
        case .commitInfo: preconditionFailure("an entry writes its commitInfo itself")
        case .versions(let versions):
            .object([
                (
                    "protocol",
                    .object([
                        ("minReaderVersion", .integer(versions.reader)),
                        ("minWriterVersion", .integer(versions.writer)),
                    ])
                )
            ])
        case .metadata(let metadata): .object([("metaData", metadata.json)])
        case .transaction(let appID, let version):
            .object([
                (
                    "txn",
                    .object([("appId", .string(appID)), ("version", .integer(version))])
                )
            ])
        case .add(let file): .object([("add", file.json)])
        case .remove(let removal): .object([("remove", removal.json)])
        case .other: preconditionFailure("what is not understood is not written")
        }
    }

    /// Reads a line; nil when it is not what the protocol says it is.
    init?(_ line: JSONValue) throws(DeltaUnsupported) {
        guard let member = line.members?.first, line.members?.count == 1 else { return nil }
        let value = member.value
        switch member.key {
        case "commitInfo": self = .commitInfo(DeltaCommitInfo(value))
        case "protocol":
            guard let versions = DeltaVersions(value) else { return nil }
            self = .versions(versions)
        case "metaData":
            guard let metadata = try DeltaMetadata(value) else { return nil }
            self = .metadata(metadata)
        case "txn":
            guard let appID = value["appId"]?.stringValue,
                let version = value["version"]?.int64Value
            else { return nil }
            self = .transaction(appID: appID, version: version)
        case "add":
            guard let file = try DeltaFile(value) else { return nil }
            self = .add(file)
        case "remove":
            guard let removal = try DeltaRemoval(value) else { return nil }
            self = .remove(removal)
        default: self = .other
        }
    }
}

/// Something of the protocol that is not understood here.
struct DeltaUnsupported: Error {
    let what: String
}

extension DeltaVersions {
    init?(_ value: JSONValue) {
        guard let reader = value["minReaderVersion"]?.int64Value,
            let writer = value["minWriterVersion"]?.int64Value
        else { return nil }
        let lists = [value["readerFeatures"], value["writerFeatures"]].compactMap { $0?.elements }
        self.init(
            reader: reader, writer: writer,
            features: lists.flatMap(\.self).compactMap(\.stringValue))
    }
}

extension DeltaCommitInfo {
    /// What is missing or odd stays out: nothing depends on it but `engine`.
    init(_ value: JSONValue) {
        timestampMs = value["timestamp"]?.int64Value
        operation = value["operation"]?.stringValue ?? ""
        engine = value["engineInfo"]?.stringValue ?? ""
    }
}

extension DeltaMetadata {
    fileprivate var json: JSONValue {
        var members: [(String, JSONValue)] = [("id", .string(id))]
        if let name { members.append(("name", .string(name))) }
        members += [
            ("format", .object([("provider", "parquet"), ("options", .object([]))])),
            ("schemaString", .string(deltaSchemaText(schema, partitionBy: partitionBy))),
            ("partitionColumns", .array(partitionBy.map { .string($0) })),
            ("configuration", textMap(configuration)),
        ]
        return .object(members)
    }

    fileprivate init?(_ value: JSONValue) throws(DeltaUnsupported) {
        guard let id = value["id"]?.stringValue, let text = value["schemaString"]?.stringValue,
            let partitions = value["partitionColumns"]?.elements
        else { return nil }
        let names = partitions.compactMap(\.stringValue)
        guard let schema = try deltaSchema(text), names.count == partitions.count,
            names.allSatisfy({ schema.index(of: $0) != nil })
        else { return nil }
        self.id = id
        name = value["name"]?.stringValue
        self.schema = schema
        partitionBy = names
        configuration = (value["configuration"]?.members ?? []).compactMap { member in
            member.value.stringValue.map { (member.key, $0) }
        }
        if let mode = setting("delta.columnMapping.mode"), mode != "none" {
            throw DeltaUnsupported(what: "column mapping (\(mode))")
        }
    }
}

extension DeltaFile {
    fileprivate var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("path", .string(DeltaPath.encode(path))),
            ("partitionValues", valueMap(partition)), ("size", .integer(bytes)),
            ("modificationTime", .integer(modifiedMs)), ("dataChange", .bool(isDataChange)),
        ]
        if let statistics { members.append(("stats", .string(statistics))) }
        if !tags.isEmpty { members.append(("tags", textMap(tags))) }
        return .object(members)
    }

    fileprivate init?(_ value: JSONValue) throws(DeltaUnsupported) {
        guard let path = value["path"]?.stringValue, let bytes = value["size"]?.int64Value,
            bytes >= 0, let partition = partitionValues(value["partitionValues"])
        else { return nil }
        if let vector = value["deletionVector"], !vector.isNull {
            throw DeltaUnsupported(what: "deletion vectors")
        }
        self.path = try DeltaPath.decode(path)
        self.partition = partition
        self.bytes = bytes
        modifiedMs = value["modificationTime"]?.int64Value ?? 0
        isDataChange = value["dataChange"]?.boolValue ?? true
        statistics = value["stats"]?.stringValue
        tags = (value["tags"]?.members ?? []).compactMap { member in
            member.value.stringValue.map { (member.key, $0) }
        }
        rows = statistics.flatMap { DeltaStatistics.rowCount(in: $0) }
    }
}

extension DeltaRemoval {
    fileprivate var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("path", .string(DeltaPath.encode(path))), ("deletionTimestamp", .integer(deletedMs)),
            ("dataChange", .bool(isDataChange)), ("extendedFileMetadata", true),
            ("partitionValues", valueMap(partition)),
        ]
        if let bytes { members.append(("size", .integer(bytes))) }
        return .object(members)
    }

    fileprivate init?(_ value: JSONValue) throws(DeltaUnsupported) {
        guard let path = value["path"]?.stringValue else { return nil }
        self.path = try DeltaPath.decode(path)
        partition = partitionValues(value["partitionValues"]) ?? []
        bytes = value["size"]?.int64Value
        deletedMs = value["deletionTimestamp"]?.int64Value ?? 0
        isDataChange = value["dataChange"]?.boolValue ?? true
    }
}

private func textMap(_ pairs: [(key: String, value: String)]) -> JSONValue {
    .object(pairs.map { ($0.key, .string($0.value)) })
}

private func valueMap(_ pairs: [(column: String, value: String?)]) -> JSONValue {
    .object(pairs.map { ($0.column, $0.value.map { .string($0) } ?? .null) })
}

/// The values of a file's partition columns; an empty text is null, as the protocol says.
private func partitionValues(_ value: JSONValue?) -> [(column: String, value: String?)]? {
    guard let members = value?.members else { return nil }
    var values: [(column: String, value: String?)] = []
    for member in members {
        guard member.value.isNull || member.value.stringValue != nil else { return nil }
        let text = member.value.stringValue
        values.append((member.key, text == "" ? nil : text))
    }
    return values
}

/// Paths of data files as a log has them: relative to the table, URL-encoded.
enum DeltaPath {
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func encode(_ path: String) -> String {
        var encoded: [UInt8] = []
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: "="):
                encoded.append(byte)
            default:
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    static func decode(_ text: String) throws(DeltaUnsupported) -> String {
        let scheme = text.utf8.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") }
        let isAbsolute =
            text.utf8.first == UInt8(ascii: "/")
            || scheme.count < text.utf8.count
                && text.utf8[scheme.endIndex] == UInt8(ascii: ":")
        guard !isAbsolute, let path = PartitionPath.unescape(text) else {
            throw DeltaUnsupported(what: "a file outside of the table's directory, '\(text)'")
        }
        return path
    }
}
