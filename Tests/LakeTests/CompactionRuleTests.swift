import Testing

@testable import Lake

/// Which files become one, and how many stay, whatever comes in.
@Suite struct CompactionRuleTests {
    private struct File {
        var batches: ClosedRange<Int64>
        var bytes: Int64
        /// How often its rows were written again, at most.
        var rewritten = 0
    }

    /// Does what is due until nothing is.
    private func settle(_ files: inout [File], _ rule: CompactionRule) {
        while let run = rule.dueRuns(
            files, bytes: \.bytes, batches: \.batches
        ).first {
            guard let first = run.first, let last = run.last,
                let start = files.firstIndex(where: { $0.batches == first.batches })
            else { return }
            let merged = File(
                batches: first.batches.lowerBound...last.batches.upperBound,
                bytes: run.reduce(0) { $0 + $1.bytes },
                rewritten: 1 + (run.map(\.rewritten).max() ?? 0))
            files.replaceSubrange(start..<start + run.count, with: [merged])
        }
    }

    @Test(arguments: [2, 4, 32], [1 as Int64, 7, 60])
    func filesStayFewAndRowsAreSeldomRewritten(filesMin: Int, gap: Int64) {
        let rule = CompactionRule(filesMin: filesMin, targetBytes: 1 << 40)
        var files: [File] = []
        var most = 0
        for index in 0..<(4_000 as Int64) {
            files.append(File(batches: index * gap...index * gap, bytes: 1))
            settle(&files, rule)
            most = max(most, files.count)
        }
        #expect(files.reduce(0) { $0 + $1.bytes } == 4_000)
        #expect(
            zip(files, files.dropFirst()).allSatisfy {
                $0.batches.upperBound < $1.batches.lowerBound
            })
        let tiers = 1 + rule.tier(of: 0...(4_000 * gap))
        #expect(most <= (filesMin - 1) * tiers)
        #expect(files.allSatisfy { $0.rewritten <= tiers })
    }

    @Test func aDayOfSecondsLeavesFewFiles() {
        let rule = CompactionRule(filesMin: 32, targetBytes: 64 << 20)
        var files: [File] = []
        for index in 0..<(86_400 as Int64) {
            files.append(File(batches: index...index, bytes: 3_000))
            if index % 32 == 31 { settle(&files, rule) }
        }
        settle(&files, rule)
        #expect(files.count <= 200)
    }

    /// Dense and sparse hours by turns leave no heap of files in between.
    @Test func filesOfChangingPaceStayFew() {
        let rule = CompactionRule(filesMin: 4, targetBytes: 1 << 40)
        var files: [File] = []
        var batch: Int64 = 0
        for turn in 0..<2_000 {
            batch += turn / 100 % 2 == 0 ? 1 : 300
            files.append(File(batches: batch...batch, bytes: 1))
            settle(&files, rule)
        }
        #expect(files.count <= 3 * (1 + rule.tier(of: 0...batch)))
    }

    @Test func largeFilesStayAloneAndWhatLiesBetweenIsPutTogether() {
        let rule = CompactionRule(filesMin: 10, targetBytes: 100)
        let sizes: [Int64] = [1, 1, 100, 1, 200, 1, 1]
        let files = sizes.enumerated().map {
            File(batches: Int64($0)...Int64($0), bytes: $1)
        }
        let due = rule.dueRuns(files, bytes: \.bytes, batches: \.batches)
        #expect(due.map { $0.map(\.batches.lowerBound) } == [[0, 1]])
        let filling = [60, 60, 1].enumerated().map {
            File(batches: Int64($0)...Int64($0), bytes: $1)
        }
        let full = rule.dueRuns(filling, bytes: \.bytes, batches: \.batches)
        #expect(full.map(\.count) == [2])
    }

    @Test func tiersGrowWithTheNumberOfBatches() {
        let rule = CompactionRule(filesMin: 10, targetBytes: 1)
        #expect(rule.tier(of: nil) == 0 && rule.tier(of: 5...5) == 0)
        #expect(rule.tier(of: 0...8) == 0 && rule.tier(of: 0...9) == 1)
        #expect(rule.tier(of: 0...98) == 1 && rule.tier(of: 1...100) == 2)
        #expect(rule.tier(of: 0...(.max)) == 18)
    }
}
