// The state of one query on disk, in its own directory:
//
//     <batch>.delta       what the batch changed: keys it removed in order of removal, then groups
//                         it added or changed, sorted by key. Groups that it removed because their
//                         window was complete are not listed: `removedUpTo` stands for them
//     <batch>.snapshot    all groups after the batch, sorted by key; every few batches
//
// Batch N reads version N of the state and makes version N + 1: its files bear N. Both are Arrow
// IPC streams of one batch, so any Arrow tool opens them. Columns: in a delta first `removed`
// (boolean), then the key columns as `key.<name>`, then the accumulators' columns, which are null
// where `removed`. The schema's metadata:
//
//     streamer.state.format       "2"; "1" had no `removedUpTo`
//     streamer.state.kind         "delta" or "snapshot"
//     streamer.state.batch        N
//     streamer.state.fingerprint  what the query's state means
//     streamer.state.aggregate.N  what aggregate N is, where there are several: a job that uses them
//                                 in another order, or spells them otherwise, finds its columns by
//                                 that
//     streamer.state.removedUpTo  in a delta that needs it: after the keys listed, all groups were
//                                 removed whose first accumulator column, the window's end in µs,
//                                 was at most this; then come those added or changed
//
// The same batch over the same state gives the same bytes. A commit records each file's size and
// XXH3; a file that does not match is never read.

public import Columnar
public import Storage

/// What a batch changed in a table of state, copied out of it.
public struct StateChanges: Sendable {
    let batch: Int64
    let parts: [Part]

    /// The content of a file to be.
    struct Part {
        let kind: StateFileKind
        let rows: RecordBatch
        let metadata: [ArrowMetadataEntry]
    }
}

/// State files that are durable under temporary names, and what the commit will record of them.
public struct StagedState: Sendable {
    /// To be published, together with whatever else the batch publishes.
    public let files: [StagedFile]
    /// To be recorded in the commit, in the same order.
    public let receipts: [FileReceipt]
}

/// The files of one query's state: writes what each batch changed, restores any version that is
/// kept.
public struct StateStore: Sendable {
    /// Where the files are.
    public let directory: Path
    /// Batches between two snapshots.
    public let snapshotIntervalBatches: Int64

    let fileSystem: any FileSystem
    let fingerprint: String
    let order: StateOrder?
    let workers: Workers

    static let formatVersion = "2"
    static let formatsRead: Set = ["1", "2"]
    static let formatKey = "streamer.state.format"
    static let kindKey = "streamer.state.kind"
    static let batchKey = "streamer.state.batch"
    static let fingerprintKey = "streamer.state.fingerprint"
    static let removedUpToKey = "streamer.state.removedUpTo"

    /// The state of a query.
    ///
    /// - Parameters:
    ///   - directory: the query's own directory; `prepare` makes it.
    ///   - fileSystem: does the file work.
    ///   - fingerprint: what the state means: files of another are refused.
    ///   - order: the order of the state's aggregates, where there is one: files may have another.
    ///   - snapshotIntervalBatches: batches between two snapshots.
    ///   - workers: encode the files.
    public init(
        directory: Path, fileSystem: any FileSystem, fingerprint: String,
        order: StateOrder? = nil, snapshotIntervalBatches: Int64 = 10, workers: Workers = Workers()
    ) {
        precondition(snapshotIntervalBatches > 0, "a snapshot every zero batches")
        self.directory = directory
        self.fileSystem = fileSystem
        self.fingerprint = fingerprint
        self.order = order
        self.workers = workers
        self.snapshotIntervalBatches = snapshotIntervalBatches
    }

    /// Makes the directory and removes what a crash left unpublished in it.
    public func prepare() throws(KeyedStateError) {
        do throws(StorageError) {
            try fileSystem.createDirectories(directory)
            try fileSystem.removeStrays(in: directory)
        } catch {
            throw KeyedStateError(error)
        }
    }

    /// Copies out of a table what a batch changed, and every few batches everything; the table then
    /// begins the next batch.
    public func takeChanges(
        of table: any StateTable, batch: Int64
    ) throws(KeyedStateError) -> StateChanges {
        let removed = table.removedUpTo.map {
            ArrowMetadataEntry(Self.removedUpToKey, String($0))
        }
        var parts = [
            StateChanges.Part(
                kind: .delta, rows: try table.delta(workers), metadata: [removed].compactMap(\.self)
            )
        ]
        if (batch + 1) % snapshotIntervalBatches == 0 {
            parts.append(
                StateChanges.Part(
                    kind: .snapshot, rows: try table.snapshot(workers), metadata: []))
        }
        table.markCommitted()
        return StateChanges(batch: batch, parts: parts)
    }

    /// Writes what a batch changed under temporary names.
    ///
    /// Publish the files, then record the receipts in the commit. After an error nothing is left
    /// behind.
    public func stage(_ changes: StateChanges) throws(KeyedStateError) -> StagedState {
        var files: [StagedFile] = []
        do throws(KeyedStateError) {
            for part in changes.parts {
                files.append(try stage(part, changes.batch))
            }
        } catch {
            for file in files { fileSystem.discard(file) }
            throw error
        }
        return StagedState(
            files: files,
            receipts: files.map {
                FileReceipt($0)
            })
    }

    /// Whether a recorded file holds what this batch changed, as this build writes it or as those
    /// did that compressed every buffer, did not say which aggregates there are, or called them
    /// otherwise.
    public func holds(_ changes: StateChanges, in recorded: FileReceipt) -> Bool {
        let part = changes.parts.first { $0.kind.fileName(changes.batch) == recorded.path }
        guard let part else { return false }
        let names = order.map { [$0.aggregates] + $0.formerly } ?? [[]]
        return names.contains { aggregates in
            let own = order?.fingerprint(aggregates) ?? fingerprint
            let ways = [(Self.compressedFrom, aggregates), (Self.compressedFrom, []), (0, [])]
            return ways.contains { from, said in
                let bytes = encode(part, changes.batch, compressedFrom: from, own, said)
                return Checksum.xxh3(bytes) == recorded.xxh3
            }
        }
    }

    private func stage(
        _ part: StateChanges.Part, _ batch: Int64
    ) throws(KeyedStateError) -> StagedFile {
        let bytes = encode(
            part, batch, compressedFrom: Self.compressedFrom, fingerprint, order?.aggregates ?? [])
        do throws(StorageError) {
            let path = try directory.appending(part.kind.fileName(batch))
            // A file of this name can only be of a run that did not commit the batch.
            return try fileSystem.stage(path, mode: .replace, contents: [bytes])
        } catch {
            throw KeyedStateError(error)
        }
    }

    /// Buffers of fewer bytes are written as they are: to compress them took half of the time of a
    /// batch of a thousand rows, and the files are there for a few batches only.
    private static let compressedFrom = 16_384

    private func encode(
        _ part: StateChanges.Part, _ batch: Int64, compressedFrom: Int, _ fingerprint: String,
        _ aggregates: [String]
    ) -> [UInt8] {
        let writer = ArrowStreamWriter(
            part.rows.schema, compression: .zstd(level: 1, from: compressedFrom), workers: workers)
        return writer.encodeStream(
            [part.rows],
            metadata: [
                ArrowMetadataEntry(Self.formatKey, Self.formatVersion),
                ArrowMetadataEntry(Self.kindKey, part.kind.rawValue),
                ArrowMetadataEntry(Self.batchKey, String(batch)),
                ArrowMetadataEntry(Self.fingerprintKey, fingerprint),
            ] + StateOrder.metadata(of: aggregates) + part.metadata)
    }

    /// Removes the files that no version from `version` on needs; may run beside a batch.
    ///
    /// `receipts` gives what the commit of a batch recorded, `nil` when it is not kept.
    ///
    /// - Returns: the oldest batch whose commit is needed to restore `version`; `nil`, and nothing
    ///   is removed, when the commits that are kept do not reach back to it.
    public func retain(
        fromVersion version: Int64, receipts: (_ batch: Int64) -> [FileReceipt]?
    ) throws(KeyedStateError) -> Int64? {
        // Version v is the newest snapshot up to batch v - 1 with the deltas after it.
        var oldest = version - 1
        while oldest >= 0 {
            guard let files = receipts(oldest) else { return nil }
            if files.contains(where: { $0.path == StateFileKind.snapshot.fileName(oldest) }) {
                break
            }
            oldest -= 1
        }
        guard oldest >= 0 else { return 0 }
        do throws(StorageError) {
            var old: [Path] = []
            for name in try fileSystem.names(in: directory) {
                guard let (batch, kind) = StateFileKind.parse(name) else { continue }
                let isNeeded = batch > oldest || (batch == oldest && kind == .snapshot)
                if !isNeeded { old.append(try directory.appending(name)) }
            }
            try fileSystem.removeWithoutSync(old)
        } catch {
            throw KeyedStateError(error)
        }
        return oldest
    }
}

/// The two kinds of state file.
enum StateFileKind: String {
    case delta
    case snapshot

    func fileName(_ batch: Int64) -> String { "\(batch).\(rawValue)" }

    /// The batch and kind of a file name, `nil` when it is none of ours.
    static func parse(_ name: String) -> (batch: Int64, kind: StateFileKind)? {
        for kind in [StateFileKind.delta, .snapshot] where name.hasSuffix(".\(kind.rawValue)") {
            guard let batch = Int64(name.dropLast(kind.rawValue.utf8.count + 1)),
                batch >= 0, kind.fileName(batch) == name
            else { return nil }
            return (batch, kind)
        }
        return nil
    }
}

extension KeyedStateError {
    init(_ error: StorageError) {
        self.init(error.code == .notFound ? .fileMissing : .storage, "\(error)")
    }
}
