import Columnar
import Storage

/// Small files of one partition that become one.
struct CompactionBin<File> {
    var files: [File] = []
    var bytes: Int64 = 0
    var rows = 0
}

/// Puts the files of one partition together, in their order, into bins.
///
/// A bin is full when its files reach the target, and never has more rows than one file may have.
/// Files of the target's size stay alone, and so does what no neighbour fits to, by its size or, as
/// `fits` says, by its columns.
func compactionBins<File>(
    _ files: [File], targetBytes: Int64, rowsMax: Int, bytes: (File) -> Int64, rows: (File) -> Int,
    fits: (File, File) -> Bool = { _, _ in true }
) -> [CompactionBin<File>] {
    var bins: [CompactionBin<File>] = []
    var open = CompactionBin<File>()
    func close() {
        if open.files.count > 1 { bins.append(open) }
        open = CompactionBin()
    }
    for file in files {
        if bytes(file) >= targetBytes {
            close()
            continue
        }
        if open.rows.addingClamped(rows(file)) > rowsMax { close() }
        if let last = open.files.last, !fits(last, file) { close() }
        open.files.append(file)
        open.bytes.addClamped(bytes(file))
        open.rows.addClamped(rows(file))
        if open.bytes >= targetBytes { close() }
    }
    close()
    return bins
}

/// What compacting a table does, or would do.
public struct CompactionReport: Sendable, Equatable {
    /// Small files that were put together.
    public var filesBefore = 0
    /// The files that they became.
    public var filesAfter = 0
    /// The bytes of the small files.
    public var bytesBefore: Int64 = 0
    /// The bytes of what they became; 0 when nothing was written.
    public var bytesAfter: Int64 = 0
    /// The rows in them.
    public var rows = 0
    /// Of a Delta table, the version that the files became in.
    public var version: Int64?

    /// An empty report.
    public init() {}

    /// Counts what some bins are made of.
    mutating func add<File>(_ bins: [CompactionBin<File>]) {
        for bin in bins {
            filesBefore += bin.files.count
            filesAfter += 1
            bytesBefore.addClamped(bin.bytes)
            rows.addClamped(bin.rows)
        }
    }
}

/// Names of compacted files: `compacted-<first batch>-<last batch>-<n>-<hash>.zstd.parquet`.
enum CompactedFileName {
    static let prefix = "compacted-"

    static func name(_ batches: ClosedRange<Int64>, number: Int, checksum: UInt64) -> String {
        let parts = [batches.lowerBound, batches.upperBound].map { padded($0, 8) }
        return "\(prefix)\(parts.joined(separator: "-"))-\(padded(Int64(number), 4))-"
            + Checksum.hex(checksum).prefix(8) + DataFileName.suffix
    }

    /// The batches, and the first digits of the checksum; nil when the name is not one of ours.
    static func parse(_ name: String) -> (batches: ClosedRange<Int64>, hash: String)? {
        guard name.hasPrefix(prefix), name.hasSuffix(DataFileName.suffix) else { return nil }
        let parts = name.dropFirst(prefix.count).dropLast(DataFileName.suffix.count)
            .split(separator: "-" as Character, omittingEmptySubsequences: false)
        guard parts.count == 4, let first = Int64(parts[0]), let last = Int64(parts[1]),
            first >= 0, first <= last, Int(parts[2]) != nil, parts[3].utf8.count == 8
        else { return nil }
        return (first...last, String(parts[3]))
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
