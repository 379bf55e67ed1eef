import Columnar

extension ParquetFile {
    /// Where the pages of a chunk lie; nil when the file does not say, or not rightly.
    ///
    /// An index is a help: one that contradicts the footer is not used.
    func offsetIndex(
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
    func columnIndex(
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
}
