import Columnar
public import Storage

/// How a version of the state was restored.
public struct RestoredState: Sendable, Equatable {
    /// The batch of the snapshot that it began with, `nil` when it began with nothing.
    public let snapshotBatch: Int64?
    /// How many deltas were applied.
    public let deltas: Int
    /// The damaged files that an older snapshot stood in for.
    public let damaged: [KeyedStateError]

    /// Equality of what was read; errors by their text.
    public static func == (left: RestoredState, right: RestoredState) -> Bool {
        left.snapshotBatch == right.snapshotBatch && left.deltas == right.deltas
            && left.damaged.map(\.description) == right.damaged.map(\.description)
    }
}

extension StateStore {
    /// Makes the table what batch `version` reads: the newest snapshot before it, and the deltas of
    /// the batches after that.
    ///
    /// A damaged snapshot is passed over where an older one and its deltas are kept.
    ///
    /// `receipts` gives what the commit of a batch recorded, `nil` when it is not kept.
    ///
    /// - Returns: which files were read.
    /// - Throws: `.fileMissing`, `.fileCorrupt` or `.fileMismatch` naming the file,
    ///   `.versionUnavailable` when the commits that are kept do not reach back far enough. The
    ///   table is then empty.
    @discardableResult
    public func restore(
        _ table: any StateTable, toVersion version: Int64,
        receipts: (_ batch: Int64) -> [FileReceipt]?
    ) throws(KeyedStateError) -> RestoredState {
        precondition(version >= 0, "versions count from 0")
        var damaged: [KeyedStateError] = []
        var before = version - 1
        while true {
            table.removeAll()
            let base = try baseBatch(upTo: before, version, receipts, damaged)
            do throws(KeyedStateError) {
                if let base { try apply(.snapshot, base, receipts, to: table) }
                let first = base.map { $0 + 1 } ?? 0
                for batch in first..<version { try apply(.delta, batch, receipts, to: table) }
                return RestoredState(
                    snapshotBatch: base, deltas: Int(version - first), damaged: damaged)
            } catch {
                table.removeAll()
                // Only another base helps, and only if it was the base that failed.
                guard let base, error.path.hasSuffix(StateFileKind.snapshot.fileName(base)) else {
                    throw damaged.first ?? error
                }
                damaged.append(error)
                before = base - 1
            }
        }
    }

    /// The newest batch up to `batch` that wrote a snapshot, `nil` to begin with nothing.
    private func baseBatch(
        upTo batch: Int64, _ version: Int64, _ receipts: (Int64) -> [FileReceipt]?,
        _ damaged: [KeyedStateError]
    ) throws(KeyedStateError) -> Int64? {
        var batch = batch
        while batch >= 0 {
            guard let files = receipts(batch) else {
                if let first = damaged.first { throw first }
                throw KeyedStateError(
                    .versionUnavailable,
                    "version \(version) of the state cannot be restored: commit \(batch) is not "
                        + "kept, and no commit after it has a snapshot; start from a later batch",
                    path: directory.string)
            }
            if files.contains(where: { $0.path == StateFileKind.snapshot.fileName(batch) }) {
                return batch
            }
            batch -= 1
        }
        return nil
    }

    private func apply(
        _ kind: StateFileKind, _ batch: Int64, _ receipts: (Int64) -> [FileReceipt]?,
        to table: any StateTable
    ) throws(KeyedStateError) {
        let name = kind.fileName(batch)
        guard let receipt = receipts(batch)?.first(where: { $0.path == name }) else {
            throw KeyedStateError(
                .versionUnavailable, "the commit of batch \(batch) does not name the file",
                path: "\(directory)/\(name)")
        }
        let file = try read(receipt, kind, batch, table)
        do throws(KeyedStateError) {
            try table.apply(file.rows, removedUpTo: file.removedUpTo)
        } catch {
            throw KeyedStateError(error.code, error.message, path: "\(directory)/\(name)")
        }
    }

    /// Whether what is there cannot be what was written.
    private static func isDamage(_ error: StorageError) -> Bool {
        [.tooLarge, .notAFile, .wrongKind].contains(error.code)
    }

    private func read(
        _ receipt: FileReceipt, _ kind: StateFileKind, _ batch: Int64, _ table: any StateTable
    ) throws(KeyedStateError) -> (rows: RecordBatch, removedUpTo: Int64?) {
        let path: Path
        let bytes: [UInt8]
        do throws(StorageError) {
            path = try directory.appending(receipt.path)
            bytes = try fileSystem.readOwn(path, maxBytes: Int(clamping: receipt.bytes))
        } catch {
            if error.code == .notFound {
                throw KeyedStateError(
                    .fileMissing,
                    "a commit refers to this state file, but it is not there; restore it from a "
                        + "copy, or replay the job from its log",
                    path: "\(directory)/\(receipt.path)")
            }
            throw KeyedStateError(
                Self.isDamage(error) ? .fileCorrupt : .storage, "\(error)",
                path: "\(directory)/\(receipt.path)")
        }
        let fault = { (code: KeyedStateError.Code, message: String) in
            KeyedStateError(code, message, path: path.string)
        }
        guard Int64(bytes.count) == receipt.bytes, Checksum.xxh3(bytes) == receipt.xxh3 else {
            throw fault(
                .fileCorrupt,
                "the file has \(bytes.count) bytes and checksum "
                    + "\(Checksum.hex(Checksum.xxh3(bytes))), its commit recorded "
                    + "\(receipt.bytes) bytes and \(Checksum.hex(receipt.xxh3)); restore it from "
                    + "a copy, or replay the job from its log")
        }
        let batches: [RecordBatch]
        let metadata: [String: String]
        let schema: Schema
        do throws(ArrowError) {
            var reader = try ArrowStreamReader(Buffer(copying: bytes))
            schema = reader.schema
            metadata = Dictionary(
                reader.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
            batches = try reader.readAll()
        } catch {
            throw fault(.fileCorrupt, "not an Arrow stream: \(error)")
        }
        guard let format = metadata[Self.formatKey], Self.formatsRead.contains(format) else {
            throw fault(
                .fileMismatch,
                "written in state format \(metadata[Self.formatKey] ?? "unknown"), this program "
                    + "reads up to format \(Self.formatVersion); use the program that wrote it")
        }
        let wanted = kind == .delta ? table.deltaSchema : table.snapshotSchema
        guard metadata[Self.kindKey] == kind.rawValue, metadata[Self.batchKey] == String(batch),
            let places = places(of: wanted, in: schema, metadata)
        else {
            throw fault(
                .fileMismatch,
                "the file is the state of another query or batch; use the job that wrote the "
                    + "checkpoint, or start the changed job with a new checkpoint")
        }
        let removedUpTo = metadata[Self.removedUpToKey].map { Int64($0) }
        guard removedUpTo != .some(nil), removedUpTo == nil || kind == .delta else {
            throw fault(.fileCorrupt, "`\(Self.removedUpToKey)` is no time")
        }
        do throws(StringsTooLarge) {
            let rows = try RecordBatch.concatenate(batches, schema: schema)
            let columns = places.map { rows.columns[$0] }
            return (RecordBatch(wanted, columns, count: rows.count), removedUpTo ?? nil)
        } catch {
            throw fault(.fileCorrupt, "\(error)")
        }
    }
    /// Where a file has the columns of the table; `nil` when it is of another state.
    private func places(
        of wanted: Schema, in columns: Schema, _ metadata: [String: String]
    ) -> [Int]? {
        let found = metadata[Self.fingerprintKey]
        if found == fingerprint { return columns == wanted ? Array(wanted.fields.indices) : nil }
        return order?.places(in: metadata, fingerprint: found, columns, of: wanted)
    }
}
