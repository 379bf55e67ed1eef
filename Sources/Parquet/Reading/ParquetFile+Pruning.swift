public import Columnar

/// Rows of a row group, counted from its start.
public struct RowRange: Sendable, Hashable {
    /// The index of the row group.
    public let rowGroup: Int
    /// The rows; never empty.
    public let rows: Range<Int>

    /// Some rows of a row group.
    public init(rowGroup: Int, rows: Range<Int>) {
        self.rowGroup = rowGroup
        self.rows = rows
    }
}

extension ParquetFile {
    /// The rows that may be in all of the ranges; whatever is left out is in one of them not.
    ///
    /// Row groups are judged by their statistics and bloom filters, pages by the page index. Only
    /// bounds whose order the format defines are trusted: not the old `min` and `max`, which some
    /// writers compared wrongly, nor those of INT96. Of the file only the indexes are read.
    public func rowRanges(
        where conditions: [ColumnRange]
    ) throws(ParquetError) -> [RowRange] {
        let checks = conditions.map { ColumnCheck($0, footer) }
        var found: [RowRange] = []
        for (group, rowCount) in footer.rowGroupRowCounts.enumerated() {
            var kept = rowCount > 0 ? [0..<rowCount] : []
            for check in checks where !kept.isEmpty {
                kept = try intersection(kept, rows(of: group, rowCount, that: check))
            }
            found += kept.map { RowRange(rowGroup: group, rows: $0) }
        }
        return found
    }

    /// The rows of a row group that may pass one check.
    private func rows(
        of group: Int, _ rowCount: Int, that check: ColumnCheck
    ) throws(ParquetError) -> [Range<Int>] {
        let chunk = footer.rowGroups[group].columns[check.leaf.chunk]
        if let statistics = chunk.statistics {
            let isNull = statistics.nullCount.map { $0 == Int64(rowCount) } ?? false
            guard !isNull, check.mayPass(statistics.min, statistics.max) else { return [] }
        }
        if let hash = check.soughtHash, let filter = try pageIndex.bloomFilter(chunk),
            !filter.mayContain(hash)
        {
            return []
        }
        guard let pages = try pageIndex.offsets(chunk, rowCount),
            let index = try pageIndex.bounds(chunk, pageCount: pages.count)
        else { return [0..<rowCount] }
        var kept: [Range<Int>] = []
        for page in pages.indices {
            let start = Int(pages[page].firstRow)
            let end = page + 1 < pages.count ? Int(pages[page + 1].firstRow) : rowCount
            if index.nullPages[page] {
                // Some writers call a page null because they have no bounds of it.
                guard check.leaf.field.isNullable,
                    index.nullCounts.isEmpty || index.nullCounts[page] == Int64(end - start)
                else { return [0..<rowCount] }
                continue
            }
            guard check.mayPass(index.mins[page], index.maxs[page]) else { continue }
            if let last = kept.last, last.upperBound == start {
                kept[kept.count - 1] = last.lowerBound..<end
            } else {
                kept.append(start..<end)
            }
        }
        return kept
    }

    /// The rows that are in both of two ascending lists of ranges.
    private func intersection(_ left: [Range<Int>], _ right: [Range<Int>]) -> [Range<Int>] {
        var both: [Range<Int>] = []
        var (a, b) = (0, 0)
        while a < left.count && b < right.count {
            let common = left[a].clamped(to: right[b])
            if !common.isEmpty { both.append(common) }
            if left[a].upperBound < right[b].upperBound { a += 1 } else { b += 1 }
        }
        return both
    }
}

/// A condition in the form that bounds and filters are compared with.
private struct ColumnCheck {
    let leaf: LeafColumn
    private let lower: BoundKey?
    private let upper: BoundKey?
    private let trustsBounds: Bool
    /// The hash of the one value that is wanted, where a bloom filter can know it.
    let soughtHash: UInt64?

    init(_ condition: ColumnRange, _ footer: ParquetFooter) {
        leaf = footer.columns[condition.column]
        lower = condition.lower.flatMap(leaf.key(of:))
        upper = condition.upper.flatMap(leaf.key(of:))
        trustsBounds = footer.isTypeOrdered[condition.column]
        soughtHash =
            if let lower, lower == upper, let bytes = leaf.plainBytes(of: lower) {
                unsafe bytes.withUnsafeBytes { unsafe BloomFilter.hash($0) }
            } else {
                nil
            }
    }

    /// Whether a value between these bounds may be in the range.
    func mayPass(_ min: [UInt8]?, _ max: [UInt8]?) -> Bool {
        guard trustsBounds, let min = min.flatMap(leaf.key(ofBound:)),
            let max = max.flatMap(leaf.key(ofBound:)), min <= max
        else { return true }
        if let upper, upper < min { return false }
        // Bounds leave NaN out, which a range without upper bound has.
        let mayHaveNaN = leaf.field.type == .double && upper == nil
        if let lower, max < lower { return mayHaveNaN }
        return true
    }
}
