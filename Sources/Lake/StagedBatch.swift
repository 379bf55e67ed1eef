public import Storage

/// A batch whose files are durable under temporary names and wait to be published.
public struct StagedBatch: Sendable {
    /// The batch.
    public let batch: Int64
    /// What the files will be.
    public let receipts: [FileReceipt]
    let files: [StagedFile]
    /// The table's directory.
    let table: Path

    /// Removes the files of a batch that will not be published, and directories of partitions in
    /// which there is nothing else.
    public func discard(_ files: any FileSystem) {
        removeStaged(self.files, in: table, files)
    }
}

/// Removes files that will not be published from a table, and directories of partitions in which
/// there is nothing else.
func removeStaged(_ staged: [StagedFile], in table: Path, _ files: any FileSystem) {
    for file in staged { files.discard(file) }
    for folder in Set(staged.map(\.target.parent)) {
        var next = folder
        while next != table, next.string.utf8.count > table.string.utf8.count {
            try? files.removeIfEmpty(next)
            next = next.parent
        }
    }
}

/// Names of a table's files: `part-<batch>-<n>-<hash>.zstd.parquet`.
enum DataFileName {
    static let suffix = ".zstd.parquet"

    static func name(batch: Int64, number: Int, checksum: UInt64) -> String {
        "\(prefix(batch: batch))\(padded(number, 4))-\(Checksum.hex(checksum).prefix(8))\(suffix)"
    }

    /// What the names of one batch begin with.
    static func prefix(batch: Int64) -> String { "part-\(padded(batch, 8))-" }

    /// The batch, and the first digits of the checksum; nil when the name is not one of ours.
    static func parse(_ name: String) -> (batch: Int64, hash: String)? {
        guard name.hasSuffix(suffix) else { return nil }
        let parts = name.dropLast(suffix.count).split(
            separator: "-" as Character, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "part", let batch = Int64(parts[1]), batch >= 0,
            Int(parts[2]) != nil, parts[3].utf8.count == 8
        else { return nil }
        return (batch, String(parts[3]))
    }

    private static func padded(_ value: some BinaryInteger, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
