import Columnar
import Parquet
public import Storage
import Synchronization

/// Keeps the files of a plain table few while batches are added to it.
///
/// Invariants:
/// - A directory changes places with the one made anew only while no batch has files in it that
///   wait for their names: `prepared` is 0 and stays so.
/// - Only files of committed batches are put together: no batch that runs again can come to others.
/// - A directory that readers may still be listing stays whole for `graceNanos`: who has begun to
///   list it gets to its end, and finds out when it opens a file that is gone.
public final class TableCompaction: Sendable {
    private struct State {
        /// Files of each directory that may be due, by its path below the table's.
        var waiting: [String: Int] = [:]
        /// The one that was looked at last.
        var last: String?
        /// Directories that were put aside, and when.
        var aside: [(path: Path, since: MonotonicTime)] = []
        /// The number of the next one.
        var next = 0
        /// Whether a sync failed: nothing is touched any more.
        var hasFailed = false
    }

    private let rule: CompactionRule
    private let compaction: PlainCompaction
    private let time: any TimeSource
    private let state = Mutex(State())
    /// How many batches are prepared and neither published nor discarded.
    private let prepared = Mutex(0)

    /// How long a directory that was put aside stays.
    static let graceNanos: UInt64 = 10_000_000_000
    // How often, and how long in between, it is tried to find no batch prepared.
    private static let tries = 1_000
    private static let tryNanos: UInt64 = 5_000_000

    /// The compaction of an open table.
    public init(_ table: LakeTable, _ rule: CompactionRule, time: any TimeSource) {
        self.rule = rule
        self.time = time
        var options = table.options
        options.keyValueMetadata = []
        compaction = PlainCompaction(
            directory: table.directory, targetBytes: rule.targetBytes, options: options)
    }

    /// Looks at what is there; called once, before the first batch.
    public func begin() throws(LakeError) {
        let counts = try compaction.folders().map { ($0.0, $0.1.count) }
        state.withLock { state in
            for (folder, count) in counts { state.waiting[folder] = count }
        }
    }

    // MARK: Batches

    /// Says that a batch's files are about to be written: none of its directories is exchanged until
    /// the batch has ended.
    public func beginBatch() { prepared.withLock { $0 += 1 } }

    /// Says that a batch's files have their names, or are discarded.
    ///
    /// - Parameter published: what was published.
    public func endBatch(_ published: [FileReceipt]) {
        prepared.withLock { $0 -= 1 }
        state.withLock { state in
            for file in published {
                state.waiting[PlainCompaction.folder(of: file.path), default: 0] += 1
            }
        }
    }

    // MARK: Compaction

    /// Puts together the next files that are due.
    ///
    /// - Parameters:
    ///   - committed: the newest batch that never runs again.
    ///   - retainedFrom: the oldest batch whose receipts are still known.
    /// - Returns: what was done; nil when nothing was due, or could not be done now.
    /// - Throws: a fault; the table is as it was then, unless a sync failed.
    public func next(
        committed: Int64, retainedFrom: Int64
    ) throws(LakeError) -> CompactionReport? {
        do throws(LakeError) {
            try removeAside()
            for folder in dueFolders() {
                state.withLock { state in
                    state.last = folder
                    // Files that come meanwhile are counted anew.
                    state.waiting[folder] = nil
                }
                if let report = try compact(folder, committed, retainedFrom: retainedFrom) {
                    return report
                }
            }
            return nil
        } catch {
            // It is tried again, after the others.
            state.withLock { state in
                if let last = state.last { state.waiting[last] = rule.filesMin }
            }
            if error.isFailedSync { state.withLock { $0.hasFailed = true } }
            throw error
        }
    }

    /// Removes what was put aside.
    public func close() {
        let hasWorked = state.withLock { $0.next > 0 && !$0.hasFailed }
        if hasWorked { try? compaction.directory.removeCompactionLeftovers() }
    }

    /// The directories in which files may be due, those behind the last one first.
    private func dueFolders() -> [String] {
        state.withLock { state in
            let due = state.waiting.filter { $0.value >= rule.filesMin }.keys
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            let next =
                due.firstIndex { folder in
                    state.last.map { $0.utf8.lexicographicallyPrecedes(folder.utf8) } ?? true
                } ?? 0
            return Array(due[next...] + due[..<next])
        }
    }

    private func removeAside() throws(LakeError) {
        let now = time.now
        let old = state.withLock { state in
            let old = state.aside.filter { now.nanos(since: $0.since) >= Self.graceNanos }
            state.aside.removeAll { now.nanos(since: $0.since) >= Self.graceNanos }
            return old
        }
        for directory in old {
            try onStorage { () throws(StorageError) in
                try compaction.directory.files.removeTree(directory.path)
            }
        }
    }

    /// Puts the first files of a directory together that are due.
    private func compact(
        _ folder: String, _ committed: Int64, retainedFrom: Int64
    ) throws(LakeError) -> CompactionReport? {
        let all = PlainCompaction.inputs(try compaction.directory.entries(in: folder))
        let files = all.filter { $0.batches.upperBound <= committed }
        let due = rule.dueRuns(files, bytes: \.bytes, batches: \.batches)
        for run in due {
            let inspected = try compaction.inspected(run, in: folder)
            guard let bin = compaction.bins(inspected).first else { continue }
            let report = try compact(bin, of: folder, retainedFrom: retainedFrom)
            // What became of them may be due in turn; what could not be done is to be done later.
            note(folder, waiting: rule.filesMin)
            return report
        }
        note(folder, waiting: due.isEmpty ? rule.waiting(all, batches: \.batches) : 0)
        return nil
    }

    private func note(_ folder: String, waiting count: Int) {
        guard count > 0 else { return }
        state.withLock { $0.waiting[folder, default: 0] += count }
    }

    private func compact(
        _ bin: CompactionBin<PlainCompaction.Input>, of folder: String, retainedFrom: Int64
    ) throws(LakeError) -> CompactionReport? {
        let number = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        let new = try compaction.directory.compactionDirectory(number)
        var made = PlainCompaction.Replacement()
        do throws(LakeError) {
            made.staged = [
                try compaction.stage(
                    bin, number: 0, from: folder, into: new, retainedFrom: retainedFrom)
            ]
        } catch {
            compaction.directory.discardCompaction(new, after: error)
            throw error
        }
        made.gone = Set(bin.files.map { Array($0.name.utf8) })
        guard try exchange(folder, new, made) else { return nil }
        state.withLock { $0.aside.append((new, time.now)) }
        var report = CompactionReport()
        report.add([bin])
        report.bytesAfter = made.staged[0].size
        return report
    }

    /// Exchanges directories when no batch is prepared; false when that does not come to be.
    private func exchange(
        _ folder: String, _ new: Path, _ made: PlainCompaction.Replacement
    ) throws(LakeError) -> Bool {
        for _ in 0..<Self.tries {
            let isDone = prepared.withLock { count -> Result<Bool, LakeError>? in
                guard count == 0 else { return nil }
                do throws(LakeError) {
                    return .success(try compaction.replace(folder, by: new, made))
                } catch {
                    return .failure(error)
                }
            }
            switch isDone {
            case nil: time.sleep(nanos: Self.tryNanos)
            case .success(let isDone): return isDone
            case .failure(let error): throw error
            }
        }
        compaction.directory.discardCompaction(new, after: nil)
        return false
    }
}
