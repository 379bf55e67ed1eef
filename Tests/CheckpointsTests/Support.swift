import Checkpoints
import ConnectorAPI
import Storage
import TestSupport
import Testing

/// A query with one source whose only sink writes one file a batch.
struct Query {
    static let checkpoint = "checkpoints/job"
    static let sink = "lake"

    let files: any FileSystem
    let store: CheckpointStore
    /// What this run's clock shows; another run's shows something else.
    let nowMs: Int64

    init(_ files: any FileSystem, nowMs: Int64 = 1, minBatchesToRetain: Int = 100) throws {
        self.files = files
        self.nowMs = nowMs
        store = try CheckpointStore.open(
            Path(Query.checkpoint), files: files, minBatchesToRetain: minBatchesToRetain,
            newIdentity: Query.identity())
    }

    static func identity() throws -> CheckpointIdentity {
        try #require(CheckpointIdentity("0f8fad5b-d9cb-469f-a165-70867728950e"))
    }

    static func plan(_ batch: BatchID, nowMs: Int64) -> OffsetsEntry {
        OffsetsEntry(
            batch: batch, watermarkMs: batch.number * 1000, timestampMs: nowMs,
            conf: ["maxFutureSkew": "\"1 hour\"\n", "é": "ü"],
            sources: [
                SourceRange(
                    name: "ticks",
                    offsets: OffsetRange(only: batch.number * 10..<batch.number * 10 + 10)),
                SourceRange(
                    name: "quotes",
                    offsets: OffsetRange(emptyAt: SourceOffsets([SplitID("p", 0): 0]))),
            ], watermarkMaximaMs: ["ticks": batch.number * 1000, "quotes": -5])
    }

    /// Goes on from where the checkpoint stands until `count` batches are complete.
    ///
    /// The state needs no commit before `neededFrom`; by default of no batch before the newest.
    func run(until count: Int64, purgingBefore neededFrom: BatchID? = nil) throws {
        var next = BatchID.first
        switch store.recovery {
        case .fresh: break
        case .resume(let point): next = point.next
        case .rerun(let point):
            try runBatch(point.offsets)
            next = point.offsets.batch.next
        }
        while next.number < count {
            let plan = Query.plan(next, nowMs: nowMs)
            try store.logOffsets(plan)
            try runBatch(plan)
            try store.purge(before: neededFrom ?? next)
            next = next.next
        }
    }

    /// What a batch writes: it depends on all of its plan, the clock included.
    static func effect(_ plan: OffsetsEntry) -> [UInt8] {
        Array("\(plan.batch) \(plan.watermarkMs) \(plan.timestampMs) \(plan.sources)".utf8)
    }

    /// The effects of a batch: one file.
    private func runBatch(_ plan: OffsetsEntry) throws {
        let directory = try Path(Query.sink)
        try files.createDirectories(directory)
        let staged = try files.stage(
            directory.appending("part-\(plan.batch)"), mode: .createOrMatch,
            contents: [Query.effect(plan)])
        _ = try files.publish([staged])
        try store.logCommit(
            CommitEntry(
                batch: plan.batch, nextWatermarkMs: plan.watermarkMs + 1000,
                watermarkMaximaMs: plan.watermarkMaximaMs, counters: ["rows": 10, "late": 0],
                state: [
                    Owned(
                        owner: "ohlcv",
                        FileReceipt(
                            path: "state/ohlcv/\(plan.batch).delta", bytes: 3, xxh3: 0xff))
                ],
                sinks: [
                    Owned(owner: "lake", .file(FileReceipt(staged)))
                ]))
    }
}

/// Overwrites a file as no protocol would.
func vandalise(_ files: any FileSystem, _ path: Path, _ bytes: [UInt8]) throws {
    try files.createAtomically(path, mode: .replace, contents: bytes)
}
