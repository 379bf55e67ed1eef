import Columnar
import JSON
import Parquet
import Storage

extension DeltaLog {
    /// The table as the newest checkpoint has it, if that is of a version not after `last`.
    ///
    /// A checkpoint has no checksum and the entries of this project have: of its own tables nil is
    /// given, so that every entry is read. A checkpoint is a hint: of one that is missing, torn,
    /// cut in parts or not understood, too, nil is given.
    func checkpoint(notAfter last: Int64) throws(LakeError) -> DeltaSnapshot? {
        guard let pointer = try pointer(), pointer.version <= last, try !beganHere() else {
            return nil
        }
        let file = try checkpointFile(pointer.version)
        guard let bytes = try content(of: file, bytesMax: DeltaLogEntry.bytesMax) else {
            return nil
        }
        let rows: [[NestedValue]]
        do throws(ParquetError) {
            rows = try decodeNested(Buffer(copying: bytes), DeltaAction.readFields)
        } catch {
            return nil
        }
        guard pointer.size.map({ $0 == Int64(rows.count) }) ?? true else { return nil }
        guard let snapshot = try snapshot(ofCheckpoint: pointer.version, rows, file),
            snapshot.versions != nil, let metadata = snapshot.metadata, metadata.owner == nil
        else {
            return nil
        }
        return snapshot
    }

    /// The table as a checkpoint's rows have it; nil when one of them is no action.
    func snapshot(
        ofCheckpoint version: Int64, _ rows: [[NestedValue]], _ file: Path
    ) throws(LakeError) -> DeltaSnapshot? {
        var actions: [DeltaAction] = []
        for row in rows {
            do throws(DeltaUnsupported) {
                guard let action = try DeltaAction(checkpointRow: row) else { return nil }
                actions.append(action)
            } catch {
                throw LakeError(unsupported: error, path: file)
            }
        }
        return DeltaSnapshot(version: version, actions, timestampMs: 0)
    }

    /// What `_last_checkpoint` says; nil when it is not there, or says something else than that a
    /// file is a checkpoint.
    private func pointer() throws(LakeError) -> (version: Int64, size: Int64?)? {
        let file = try onStorage { () throws(StorageError) in
            try path.appending(Self.lastCheckpointName)
        }
        guard let text = try content(of: file, bytesMax: 1 << 20),
            let value = try? JSONValue.parse(text), value["parts"]?.isNull ?? true,
            value["v2Checkpoint"]?.isNull ?? true, let version = value["version"]?.int64Value,
            version >= 0
        else { return nil }
        return (version, value["size"]?.int64Value)
    }

    /// Whether the table's first entry is there, and one of this project's.
    private func beganHere() throws(LakeError) -> Bool {
        guard let bytes = try content(of: file(0), bytesMax: DeltaLogEntry.bytesMax) else {
            return false
        }
        return DeltaLogEntry.isOurs(bytes)
    }

    /// The content of a file; nil when it is not there.
    private func content(of file: Path, bytesMax: Int) throws(LakeError) -> [UInt8]? {
        try onStorage { () throws(StorageError) in
            try files.readOwnIfThere(file, maxBytes: bytesMax)
        }
    }
}

extension DeltaAction {
    /// What is read of a checkpoint: what `init(_:)` knows of a line, and the names of what it
    /// passes over.
    static let readFields: [NestedField] = [
        .group("txn", [.text("appId"), .int64("version")]),
        .group(
            "add",
            [
                .text("path"), .textMap("partitionValues"), .int64("size"),
                .int64("modificationTime"), .boolean("dataChange"), .textMap("tags"),
                .text("stats"), .group("deletionVector", [.text("storageType")]),
            ]),
        .group(
            "remove",
            [
                .text("path"), .int64("deletionTimestamp"), .boolean("dataChange"),
                .textMap("partitionValues"), .int64("size"),
            ]),
        .group(
            "metaData",
            [
                .text("id"), .text("name"), .text("schemaString"), .texts("partitionColumns"),
                .textMap("configuration"),
            ]),
        .group(
            "protocol",
            [
                .int32("minReaderVersion"), .int32("minWriterVersion"), .texts("readerFeatures"),
                .texts("writerFeatures"),
            ]),
        .group("domainMetadata", [.text("domain")]),
    ]

    /// Reads a row as the line of an entry that says the same; nil when it is none.
    fileprivate init?(checkpointRow row: [NestedValue]) throws(DeltaUnsupported) {
        let members = zip(Self.readFields, row).compactMap { field, value in
            value.json(field).map { (field.name, $0) }
        }
        guard members.count == 1 else { return nil }
        try self.init(JSONValue.object(members))
    }
}

extension NestedValue {
    /// The same value as JSON; nil for nothing.
    fileprivate func json(_ field: NestedField) -> JSONValue? {
        switch self {
        case .null: return nil
        case .boolean(let value): return .bool(value)
        case .integer(let value): return .integer(value)
        case .text(let text): return .string(text)
        case .texts(let texts): return .array(texts.map { .string($0) })
        case .textMap(let pairs):
            return .object(pairs.map { ($0.key, $0.value.map { .string($0) } ?? .null) })
        case .group(let values):
            guard case .group(_, let fields) = field else { return nil }
            return .object(
                zip(fields, values).compactMap { field, value in
                    value.json(field).map { (field.name, $0) }
                })
        }
    }
}
