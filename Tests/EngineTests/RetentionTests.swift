import Columnar
import Storage
import TestSupport
import Testing

@testable import Engine

/// What is kept of old batches: all that the retained ones need, and little more.
@Suite struct RetentionTests {
    struct Options: CustomTestStringConvertible {
        let retained: Int
        let snapshotInterval: Int
        let threads: Int
        var testDescription: String {
            "\(retained) batches, a snapshot every \(snapshotInterval), \(threads) threads"
        }
    }

    static let options = [(2, 10), (5, 3), (12, 10), (20, 10), (3, 1), (4, 25)].flatMap { pair in
        [1, 2].map { Options(retained: pair.0, snapshotInterval: pair.1, threads: $0) }
    }

    private func script(_ options: Options) -> StreamScript {
        let text = StreamScript.counting(
            mode: "update", more: ", \"maxOffsetsPerTrigger\": 1"
        ).replacing(
            "\"queries\"",
            with: """
                "options": { "minBatchesToRetain": \(options.retained),
                  "stateSnapshotIntervalBatches": \(options.snapshotInterval),
                  "noDataBatches": false }, "queries"
                """)
        return StreamScript(text, threads: options.threads)
    }

    private func batches(_ script: StreamScript, _ directory: String) throws -> [Int64] {
        try script.files.list(Path(directory)).compactMap { Int64($0.name.prefix { $0 != "." }) }
            .sorted()
    }

    @Test(arguments: options) func stateAndEntriesDoNotGrow(options: Options) throws {
        let script = script(options)
        for second in Int64(0)..<120 { script.add(second) }
        try script.run()
        #expect(script.events.count == 120)
        // Removal comes every few batches, and goes back to the snapshot before what is retained.
        let most = options.retained + 2 * options.snapshotInterval + 10
        for directory in ["ckpt/commits", "ckpt/offsets"] {
            #expect(try batches(script, directory).count <= most)
        }
        let state = try batches(script, "ckpt/state/q")
        #expect(Set(state).count <= most)
        #expect(try state.first == batches(script, "ckpt/commits").first)
    }

    @Test(arguments: options) func everyRetainedBatchCanBeRunAgain(options: Options) throws {
        let script = script(options)
        for second in Int64(0)..<60 { script.add(second) }
        try script.run()
        for batch in Int64(60 - options.retained)..<60 {
            let report = try script.verify(from: batch)
            #expect(report?.batches == batch...59 && report?.differences == [])
        }
    }

    @Test(arguments: options) func everyBatchCanBeTheLastOfARun(options: Options) throws {
        let script = script(options)
        var limits = RunLimits()
        limits.maxBatches = 1
        for second in Int64(0)..<50 {
            script.add(second)
            try script.restart()
            try script.run(limits)
        }
        #expect(script.events.map(\.batchId) == Array(0..<50))
        #expect(script.sink.all[49]?.last?.last == .long(5))
    }
}
