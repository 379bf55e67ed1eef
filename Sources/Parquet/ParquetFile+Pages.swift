import Columnar

extension ParquetFile {
    /// The bytes of a chunk that hold some rows: all of it, or, where the page index says which
    /// pages those are, they and the dictionary page.
    func segments(
        _ chunk: ColumnChunkMetadata, _ rows: Range<Int>, rowCount: Int
    ) throws(ParquetError) -> [ChunkSegment] {
        // A row group without rows may have chunks that lie nowhere.
        if rowCount == 0 { return [ChunkSegment(bytes: .empty, fileOffset: 0, firstRow: 0)] }
        // Safe: the footer's checks put the chunk inside the file.
        let start = Int(chunk.startOffset)
        let end = start + Int(chunk.compressedBytes)
        if footer.chunkSlack > 0 {
            let range = start..<min(footer.dataEnd, end + footer.chunkSlack)
            return [
                ChunkSegment(
                    bytes: try source.read(range), fileOffset: start, firstRow: 0, isPadded: true)
            ]
        }
        guard rows.count < rowCount, !rows.isEmpty, let pages = try offsetIndex(chunk, rowCount)
        else { return [try segment(start..<end, firstRow: 0)] }
        let first = pages.lastIndex { $0.firstRow <= Int64(rows.lowerBound) } ?? 0
        let last = pages.lastIndex { $0.firstRow < Int64(rows.upperBound) } ?? first
        let from = Int(pages[first].offset)
        let to = Int(pages[last].offset) + Int(pages[last].size)
        let dictionaryEnd = Int(pages[0].offset)
        var segments: [ChunkSegment] = []
        if first == 0 || dictionaryEnd == start {
            let begin = first == 0 ? start : from
            return [try segment(begin..<to, firstRow: Int(pages[first].firstRow))]
        }
        segments.append(try segment(start..<dictionaryEnd, firstRow: 0))
        segments.append(try segment(from..<to, firstRow: Int(pages[first].firstRow)))
        return segments
    }

    private func segment(_ range: Range<Int>, firstRow: Int) throws(ParquetError) -> ChunkSegment {
        ChunkSegment(
            bytes: try source.read(range), fileOffset: range.lowerBound, firstRow: firstRow)
    }

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
