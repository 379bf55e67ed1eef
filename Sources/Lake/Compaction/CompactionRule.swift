import Storage

/// When small files of a partition become one, beside the job that writes them.
///
/// Neighbours of about the same size are put together, `filesMin` at a time, so that a row is written
/// again only so often as the number of files has digits in base `filesMin`, and as many files are
/// left as these digits come to.
public struct CompactionRule: Sendable, Hashable {
    /// How many neighbours become one, at least 2.
    public let filesMin: Int
    /// Files of this size are large and stay as they are, bytes.
    public let targetBytes: Int64

    /// A rule.
    public init(filesMin: Int, targetBytes: Int64) {
        precondition(filesMin > 1 && targetBytes > 0, "two files at least become one")
        self.filesMin = filesMin
        self.targetBytes = targetBytes
    }

    /// How often the files that one of so many batches stands for were put together, at most: a file
    /// of one batch is of tier 0, one of `filesMin` of those is of tier 1 or above.
    func tier(of batches: ClosedRange<Int64>?) -> Int {
        guard let batches else { return 0 }
        // Batches are numbered from 0, so this is in range; one less than their count on both sides.
        let span = batches.upperBound - batches.lowerBound
        var tier = 0
        var last = Int64(filesMin) - 1
        while span >= last {
            tier += 1
            let (next, overflow) = (last + 1).multipliedReportingOverflow(by: Int64(filesMin))
            if overflow { break }
            last = next - 1
        }
        return tier
    }

    /// The runs of a partition's files, in the order of their batches, that are due to become one.
    ///
    /// - Parameters:
    ///   - files: all files of the partition, in the order of their batches.
    ///   - bytes: the size of a file.
    ///   - batches: the batches whose rows it has; nil where it does not say.
    /// - Returns: the runs, the oldest files first.
    func dueRuns<File>(
        _ files: [File], bytes: (File) -> Int64, batches: (File) -> ClosedRange<Int64>?
    ) -> [[File]] {
        var due: [[File]] = []
        var open: [File] = []
        for file in files {
            guard bytes(file) >= targetBytes else {
                open.append(file)
                continue
            }
            // Nothing more comes between large files.
            if open.count > 1 { due.append(open) }
            open = []
        }
        // What a later file of a higher tier left behind goes on with that: tiers only fall towards
        // the newest, so that no tier has more than `filesMin - 1` files that wait.
        var tiers = open.map { tier(of: batches($0)) }
        for index in tiers.indices.dropLast().reversed() {
            tiers[index] = max(tiers[index], tiers[index + 1])
        }
        var run: [File] = []
        var runTier: Int?
        var runBytes: Int64 = 0
        for (file, tier) in zip(open, tiers) {
            if tier != runTier { (run, runTier, runBytes) = ([], tier, 0) }
            run.append(file)
            runBytes.addClamped(bytes(file))
            if run.count == filesMin || run.count > 1 && runBytes >= targetBytes {
                due.append(run)
                (run, runBytes) = ([], 0)
            }
        }
        return due
    }

    /// How many of a partition's newest files are of the lowest tier, and wait for others.
    func waiting<File>(_ files: [File], batches: (File) -> ClosedRange<Int64>?) -> Int {
        files.reversed().prefix { tier(of: batches($0)) == 0 }.count
    }
}
