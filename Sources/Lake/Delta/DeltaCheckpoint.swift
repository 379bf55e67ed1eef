import Columnar
import JSON
import Parquet
import Storage

// A checkpoint of the log is `_delta_log/<version, 20 digits>.checkpoint.parquet`: one row an
// action that still counts, in a group named after the action; the others are null.
// `_last_checkpoint` names the newest. Both are hints: what is true is in the entries.

extension DeltaLog {
    /// Versions between two checkpoints, as Delta's own writers do.
    private static let checkpointInterval: Int64 = 10

    /// Whether a version has a checkpoint: every tenth, and fewer of a table of many files, so that
    /// writing them costs about the same for each version.
    func isCheckpointDue(_ snapshot: DeltaSnapshot) -> Bool {
        var interval = Self.checkpointInterval
        var count = snapshot.files.count + snapshot.removals.count
        while count > Self.checkpointActionsMax, interval < 1_000 {
            interval *= 10
            count /= 10
        }
        return snapshot.version > 0 && snapshot.version % interval == 0
    }

    /// With more actions in a checkpoint there are fewer of them.
    private static let checkpointActionsMax = 10_000

    /// Writes the checkpoint of a version and points to it.
    ///
    /// The bytes are a function of the log alone, so that writing it again changes nothing.
    func writeCheckpoint(_ snapshot: DeltaSnapshot) throws(LakeError) {
        let rows = snapshot.checkpointActions.map(\.checkpointRow)
        let file = try checkpointFile(snapshot.version)
        var options = ParquetOptions()
        options.rowGroupRowsMax = 50_000
        let bytes = try onParquet(file) { () throws(ParquetError) in
            try encodeNested(rows, DeltaAction.checkpointFields, options)
        }
        try onStorage { () throws(StorageError) in
            try files.createAtomically(file, mode: .replace, contents: bytes)
            try files.createAtomically(
                try path.appending(Self.lastCheckpointName), mode: .replace,
                text: Self.pointer(snapshot.version, rowCount: rows.count))
        }
    }

    /// Whether the checkpoint of a version is there and pointed to.
    func hasCheckpoint(_ snapshot: DeltaSnapshot) throws(LakeError) -> Bool {
        let file = try checkpointFile(snapshot.version)
        return try onStorage { () throws(StorageError) in
            let last = try path.appending(Self.lastCheckpointName)
            guard try files.isTaken(file), try files.isTaken(last) else { return false }
            let pointer = Self.pointer(
                snapshot.version, rowCount: snapshot.checkpointActions.count)
            return try files.readOwn(last, maxBytes: 1 << 20) == Array(pointer.utf8)
        }
    }

    func checkpointFile(_ version: Int64) throws(LakeError) -> Path {
        try onStorage { () throws(StorageError) in
            try path.appending(Self.checkpointName(version))
        }
    }

    private static func pointer(_ version: Int64, rowCount: Int) -> String {
        JSONValue.object([("version", .integer(version)), ("size", .integer(rowCount))]).text()
    }
}

extension DeltaTable {
    /// Writes the newest version's checkpoint if it is one that has one.
    func writeCheckpointIfDue(_ snapshot: DeltaSnapshot) throws(LakeError) {
        guard log.isCheckpointDue(snapshot), try !log.hasCheckpoint(snapshot) else { return }
        try log.writeCheckpoint(snapshot)
    }
}

extension DeltaAction {
    /// The columns of a checkpoint, in the order of `checkpointRow`.
    static let checkpointFields: [NestedField] = [
        .group("txn", [.text("appId"), .int64("version"), .int64("lastUpdated")]),
        .group(
            "add",
            [
                .text("path"), .textMap("partitionValues"), .int64("size"),
                .int64("modificationTime"), .boolean("dataChange"), .textMap("tags"),
                .text("stats"),
            ]),
        .group(
            "remove",
            [
                .text("path"), .int64("deletionTimestamp"), .boolean("dataChange"),
                .boolean("extendedFileMetadata"), .textMap("partitionValues"), .int64("size"),
            ]),
        .group(
            "metaData",
            [
                .text("id"), .text("name"), .text("description"),
                .group("format", [.text("provider"), .textMap("options")]),
                .text("schemaString"), .texts("partitionColumns"), .textMap("configuration"),
                .int64("createdTime"),
            ]),
        .group("protocol", [.int32("minReaderVersion"), .int32("minWriterVersion")]),
    ]

    fileprivate var checkpointRow: [NestedValue] {
        var row = [NestedValue](repeating: .null, count: Self.checkpointFields.count)
        switch self {
        case .transaction(let appID, let version):
            row[0] = .group([.text(appID), .integer(version), .null])
        case .add(let file):
            row[1] = .group([
                .text(DeltaPath.encode(file.path)), values(file.partition), .integer(file.bytes),
                .integer(file.modifiedMs), .boolean(false),
                .textMap(file.tags.map { ($0.key, $0.value) }),
                file.statistics.map { .text($0) } ?? .null,
            ])
        case .remove(let removal):
            row[2] = .group([
                .text(DeltaPath.encode(removal.path)), .integer(removal.deletedMs), .boolean(false),
                .boolean(true), values(removal.partition),
                removal.bytes.map { .integer($0) } ?? .null,
            ])
        case .metadata(let metadata):
            let schema = deltaSchemaText(metadata.schema, partitionBy: metadata.partitionBy)
            row[3] = .group([
                .text(metadata.id), metadata.name.map { .text($0) } ?? .null, .null,
                .group([.text("parquet"), .textMap([])]), .text(schema),
                .texts(metadata.partitionBy),
                .textMap(metadata.configuration.map { ($0.key, $0.value) }), .null,
            ])
        case .versions(let versions):
            row[4] = .group([.integer(versions.reader), .integer(versions.writer)])
        case .commitInfo, .other: preconditionFailure("no action of a checkpoint")
        }
        return row
    }

    private func values(_ partition: [(column: String, value: String?)]) -> NestedValue {
        .textMap(partition.map { ($0.column, $0.value) })
    }
}
