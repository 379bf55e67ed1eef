import Columnar

/// What a file says about the pages of its column chunks, beside the footer.
struct PageIndex {
    private let source: any ParquetSource
    private let footer: ParquetFooter

    init(_ source: any ParquetSource, _ footer: ParquetFooter) {
        self.source = source
        self.footer = footer
    }

    /// Where the pages of a chunk lie; nil when the file does not say, or not rightly.
    ///
    /// An index is a help: one that contradicts the footer is not used.
    func offsets(
        _ chunk: ColumnChunkMetadata, _ rowCount: Int
    ) throws(ParquetError) -> [PageLocation]? {
        guard
            let bytes = try indexBytes(chunk.offsetIndexOffset, chunk.offsetIndexLength),
            let pages = try? decodeOffsetIndex(bytes), let first = pages.first,
            first.firstRow == 0, first.offset >= chunk.startOffset
        else { return nil }
        var end = chunk.startOffset
        var row: Int64 = -1
        for page in pages {
            guard page.offset >= end, page.size > 0, page.firstRow > row else { return nil }
            row = page.firstRow
            end = page.offset + Int64(page.size)
            guard end <= chunk.startOffset + chunk.compressedBytes else { return nil }
        }
        return row < rowCount ? pages : nil
    }

    /// The bounds of the pages of a chunk, as many as there are pages; nil as above.
    func bounds(
        _ chunk: ColumnChunkMetadata, pageCount: Int
    ) throws(ParquetError) -> ColumnIndex? {
        guard
            let bytes = try indexBytes(chunk.columnIndexOffset, chunk.columnIndexLength),
            let index = try? decodeColumnIndex(bytes),
            index.nullPages.count == pageCount, index.mins.count == pageCount,
            index.maxs.count == pageCount,
            index.nullCounts.isEmpty || index.nullCounts.count == pageCount
        else { return nil }
        return index
    }

    private func indexBytes(
        _ offset: Int64?, _ length: Int32?
    ) throws(ParquetError) -> ByteCursor? {
        guard let offset, let length, offset >= magic.count, length > 0,
            offset <= Int64(footer.dataEnd) - Int64(length)
        else { return nil }
        let range = Int(offset)..<Int(offset) + Int(length)
        return ByteCursor(try source.read(range), fileOffset: range.lowerBound)
    }

    /// The bloom filter of a chunk; nil as above.
    func bloomFilter(
        _ chunk: ColumnChunkMetadata
    ) throws(ParquetError) -> BloomFilter? {
        guard let offset = chunk.bloomFilterOffset, offset >= magic.count,
            offset < footer.dataEnd
        else { return nil }
        // Older writers do not give the length: a header is short, and says how long the rest is.
        let known = chunk.bloomFilterLength.map { Int64($0) } ?? Int64(footer.dataEnd) - offset
        guard known > 0, known <= Int64(footer.dataEnd) - offset else { return nil }
        let range = Int(offset)..<Int(offset + known)
        let cursor = ByteCursor(try source.read(range), fileOffset: range.lowerBound)
        // A help that cannot be read is not used.
        return (try? BloomFilter(decoding: cursor)) ?? nil
    }
}
