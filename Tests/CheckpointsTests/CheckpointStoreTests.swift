import Checkpoints
import Storage
import TestSupport
import Testing

@Suite struct CheckpointStoreTests {
    @Test func filesHaveTheDocumentedText() throws {
        let files = SimulatedFileSystem()
        let query = try Query(files, nowMs: 1_767_600_000_123)
        try query.store.saveJob("{}")
        try query.run(until: 1)
        func text(_ name: String) throws -> String {
            let path = try Path(Query.checkpoint).joining(relative: name)
            return String(decoding: try files.read(path, maxBytes: 10_000), as: UTF8.self)
        }
        let metadata = #"{"id":"0f8fad5b-d9cb-469f-a165-70867728950e","jobChecksum":true}"#
        #expect(try text("metadata") == metadata + "\n")
        let offsets = try text("offsets/0").split(separator: "\n")
        #expect(offsets.count == 5)
        #expect(offsets[0] == "v1")
        let link = Checksum.hex(try Query.identity().rootLink)
        #expect(
            offsets[1]
                == #"{"batchWatermarkMs":0,"batchTimestampMs":1767600000123,"conf":{"#
                + #""maxFutureSkew":"\"1 hour\"\n","é":"ü"},"batchId":0,"previous":""# + link
                + #"","retainedFrom":0,"watermarkMaximaMs":{"quotes":-5,"ticks":0},"sources":["#
                + #"{"name":"ticks","startOffset":"0"},"#
                + #"{"name":"quotes","startOffset":"{\"p\":{\"0\":0}}"}]}"#)
        #expect(offsets[2] == "10")
        #expect(offsets[3] == #"{"p":{"0":0}}"#)
        #expect(offsets[4].hasPrefix("#xxh3:"))
        let commit = try text("commits/0").split(separator: "\n")
        #expect(commit.count == 3)
        #expect(commit[0] == "v1")
        #expect(commit[1].hasPrefix(#"{"nextBatchWatermarkMs":1000,"batchId":0,"previous":""#))
        #expect(try query.store.reader.jobText() == "{}")
    }

    @Test func entriesReadBackAsWritten() throws {
        try withTemporaryDirectory { files, root in
            let path = try root.appending("c")
            let store = try CheckpointStore.open(
                path, files: files, newIdentity: Query.identity())
            #expect(store.recovery == .fresh)
            let plan = Query.plan(.first, nowMs: .max)
            let commit = CommitEntry(
                batch: .first, nextWatermarkMs: .min, watermarkMaximaMs: ["\"\\\u{0}é": .min],
                counters: ["": 0], state: [],
                sinks: [
                    Owned(
                        owner: "a\nb",
                        .file(FileReceipt(path: "x=%2F/p", bytes: 9, xxh3: .max))),
                    Owned(owner: "", .external("\"\n")),
                ])
            try store.logOffsets(plan)
            try store.logCommit(commit)
            #expect(try store.reader.offsets(.first) == plan)
            #expect(try store.reader.commit(.first) == commit)
            store.close()
            let again = try CheckpointStore.open(
                path, files: files, newIdentity: Query.identity())
            #expect(
                again.recovery
                    == .resume(
                        ResumePoint(
                            next: BatchID(1), lastOffsets: plan, lastCommit: commit,
                            watermarkMs: 0, lateWatermarkMs: 0)))
        }
    }

    @Test func restartGoesThroughTheDecisions() throws {
        let files = SimulatedFileSystem()
        do {
            let query = try Query(files)
            #expect(query.store.recovery == .fresh)
            try query.run(until: 2)
            try query.store.logOffsets(Query.plan(BatchID(2), nowMs: 5))
        }
        do {
            let query = try Query(files, nowMs: 99)
            guard case .rerun(let point) = query.store.recovery else {
                Issue.record("\(query.store.recovery)")
                return
            }
            #expect(point.offsets == Query.plan(BatchID(2), nowMs: 5))
            #expect(point.lastCommit?.batch == BatchID(1))
            #expect(point.lateWatermarkMs == 1000)
            try query.run(until: 3)
        }
        guard case .resume(let point) = try Query(files).store.recovery else {
            Issue.record("batch 2 is complete")
            return
        }
        #expect(point.next == BatchID(3))
        #expect(point.watermarkMs == 3000)
        #expect(point.lateWatermarkMs == 2000)
    }

    @Test func identityIsKeptAndNotReplacedByANewOne() throws {
        let files = SimulatedFileSystem()
        try Query(files).run(until: 1)
        var generator = SeededGenerator(seed: 1)
        let other = CheckpointIdentity.random(using: &generator)
        let store = try CheckpointStore.open(
            Path(Query.checkpoint), files: files, newIdentity: other)
        #expect(try store.identity == Query.identity())
    }

    @Test func randomIdentitiesAreUUIDs() throws {
        var generator = SeededGenerator(seed: 7)
        let identities = (0..<100).map { _ in CheckpointIdentity.random(using: &generator).id }
        #expect(Set(identities).count == 100)
        #expect(identities.allSatisfy { Array($0.utf8)[14] == UInt8(ascii: "4") })
        for text in [
            "", "0f8fad5b", "0F8FAD5B-D9CB-469F-A165-70867728950E",
            "0f8fad5bad9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e ",
        ] {
            #expect(CheckpointIdentity(text) == nil)
        }
    }

    @Test func secondEngineIsRefusedAndReadersAreNot() throws {
        let files = SimulatedFileSystem()
        let query = try Query(files)
        try query.run(until: 2)
        do {
            _ = try Query(files)
            Issue.record("two engines on one checkpoint")
        } catch let error as StorageError {
            #expect(error.code == .locked)
        }
        do {
            try CheckpointStore.remove(Path(Query.checkpoint), files: files)
            Issue.record("a checkpoint was removed while an engine ran on it")
        } catch let error as StorageError {
            #expect(error.code == .locked)
        }
        let reader = try CheckpointReader(Path(Query.checkpoint), files: files)
        #expect(try reader.engine() != nil)
        #expect(try reader.plannedBatches() == [.first, BatchID(1)])
        #expect(try reader.committedBatches() == [.first, BatchID(1)])
        #expect(try reader.commit(BatchID(1)).counters == ["rows": 10, "late": 0])
        query.store.close()
        #expect(try reader.engine() == nil)
        _ = try Query(files)
    }

    @Test func readerOfNothingFindsNothingAndMakesNothing() throws {
        let files = SimulatedFileSystem()
        let reader = try CheckpointReader(Path("no/where"), files: files)
        #expect(try reader.identity() == nil)
        #expect(try reader.jobText() == nil)
        #expect(try reader.plannedBatches() == [])
        #expect(try decideRecovery(reader.facts()) == .fresh)
        #expect(throws: StorageError.self) { try reader.offsets(.first) }
        #expect(files.operations == 0)
    }

    @Test func batchLoggedBySomeoneElseStopsTheEngine() throws {
        let files = SimulatedFileSystem()
        let query = try Query(files)
        let path = try Path(Query.checkpoint).joining(relative: "offsets/0")
        try vandalise(files, path, [1])
        #expect(fault { try query.run(until: 1) } == .anotherWriter)
    }

    @Test func engineThatLostItsLockStops() throws {
        let files = SimulatedFileSystem()
        let query = try Query(files)
        try query.run(until: 1)
        try files.remove(Path(Query.checkpoint).appending("LOCK"))
        let usurper = try Query(files)
        do {
            try query.store.logOffsets(Query.plan(BatchID(1), nowMs: 1))
            Issue.record("an engine without its lock went on")
        } catch let error as StorageError {
            #expect(error.code == .lockLost)
        }
        try usurper.run(until: 2)
    }

    @Test func oldEntriesArePurgedAndEnoughAreKept() throws {
        let files = SimulatedFileSystem()
        let query = try Query(files, minBatchesToRetain: 3)
        try query.run(until: 45)
        let planned = try query.store.reader.plannedBatches()
        let committed = try query.store.reader.committedBatches()
        #expect(planned.last == BatchID(44))
        #expect(planned.count == 3)
        #expect(committed == planned)
        #expect(query.store.retainedFrom == BatchID(42))
        query.store.close()

        // A file that came back, and one that never was whole: both before what is retained.
        let offsets = try Path(Query.checkpoint).appending("offsets")
        try vandalise(files, offsets.appending("7"), [0])
        try vandalise(files, offsets.appending("9.crc"), [0])
        let again = try Query(files, minBatchesToRetain: 3)
        try again.run(until: 60)
        #expect(try !files.exists(offsets.appending("7")))
        again.store.close()

        // One that must be there.
        try files.remove(offsets.appending("58"))
        #expect(fault { try Query(files) } == .missingEntry)
    }

    @Test func entriesThatOlderStateNeedsAreKept() throws {
        let files = SimulatedFileSystem()
        let query = try Query(files, minBatchesToRetain: 3)
        try query.run(until: 20, purgingBefore: BatchID(9))
        #expect(try query.store.reader.plannedBatches().first == BatchID(9))
        #expect(try query.store.reader.committedBatches().first == BatchID(9))
        #expect(query.store.retainedFrom == BatchID(17))
        // It may run beside a batch: a sync of its own could hide from that one that it failed.
        let before = files.operations
        try query.store.purge(before: BatchID(20))
        #expect(files.trace[before...].count > 0)
        #expect(files.trace[before...].allSatisfy { $0.kind == .remove })
    }

    @Test func twoBatchesAreTheLeastThatIsKept() throws {
        let files = SimulatedFileSystem()
        let query = try Query(files, minBatchesToRetain: 0)
        try query.run(until: 30)
        #expect(query.store.retainedFrom == BatchID(28))
        query.store.close()
        guard case .resume = try Query(files).store.recovery else {
            Issue.record("29 is complete")
            return
        }
    }

    @Test func wrongOrderIsABug() async {
        await #expect(processExitsWith: .failure) {
            let store = try CheckpointStore.open(
                Path("c"), files: SimulatedFileSystem(), newIdentity: Query.identity())
            try store.logCommit(CommitEntry(batch: .first, nextWatermarkMs: 0))
        }
        await #expect(processExitsWith: .failure) {
            let store = try CheckpointStore.open(
                Path("c"), files: SimulatedFileSystem(), newIdentity: Query.identity())
            try store.logOffsets(Query.plan(BatchID(1), nowMs: 0))
        }
    }
}
