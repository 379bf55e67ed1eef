import FuzzTargets
import Storage
import TestSupport
import Testing

/// What fuzzing found is given to the parsers again, and what is whole, cut and changed.
@Suite struct FuzzFixtureTests {
    @Test(arguments: FuzzTarget.allCases) func findingsAreRefused(_ target: FuzzTarget) throws {
        let files = POSIXFileSystem()
        let folder = try Path(fixturesFolder).appending(target.rawValue)
        guard try files.exists(folder) else { return }
        for entry in try files.list(folder) where entry.kind == .file {
            target.run(try files.read(folder.appending(entry.name), maxBytes: 1 << 24))
        }
    }

    @Test(arguments: FuzzTarget.allCases) func seedsMayBeDamaged(_ target: FuzzTarget) throws {
        var random = SeededGenerator(seed: 7)
        for seed in try fuzzSeeds(target) {
            target.run(seed)
            for _ in 0..<40 where !seed.isEmpty {
                var damaged = seed
                damaged[Int.random(in: 0..<seed.count, using: &random)] = random.next()
                target.run(damaged)
                target.run(Array(seed[..<Int.random(in: 0..<seed.count, using: &random)]))
            }
        }
    }

    /// The expressions over times are expressions: a misspelt one would test nothing.
    @Test func timesAreComputedWith() {
        #expect(unboundTimeExpressions() == [])
    }

    @Test func timesAtTheirEndsNeverTrap() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<TestSlice.runs(4_000) {
            FuzzTarget.times.run((0..<8).map { _ in random.next() })
        }
    }

    private var fixturesFolder: String {
        let parts = #filePath.split(separator: "/" as Character, omittingEmptySubsequences: false)
        return parts.dropLast(2).joined(separator: "/") + "/Fixtures/fuzz"
    }
}
