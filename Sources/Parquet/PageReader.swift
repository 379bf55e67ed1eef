import Columnar

/// The pages of one column chunk, one after the other, checked and decompressed.
struct PageReader {
    private var cursor: ByteCursor
    private let codec: Int32
    /// The most bytes a page may have without compression.
    private let pageBytesMax: Int

    /// One page.
    struct Page {
        let header: PageHeader
        /// The values, with the levels before them in a V1 data page.
        let body: Buffer
        /// The definition levels of a V2 data page, without a length.
        let levels: Buffer
        /// Where the body lies in the file, for messages.
        let offset: Int
    }

    init(
        _ chunk: Buffer, fileOffset: Int, codec: Int32, pageBytesMax: Int
    ) throws(ParquetError) {
        guard ParquetCompression(rawValue: codec) != nil else {
            throw ParquetError(
                .unsupported,
                "pages compressed with \(ParquetCompression.name(of: codec)) cannot be read; "
                    + "write the file with zstd or without compression",
                offset: fileOffset)
        }
        cursor = ByteCursor(chunk, fileOffset: fileOffset)
        self.codec = codec
        self.pageBytesMax = pageBytesMax
    }

    /// The next page, or nil at the end of the chunk.
    mutating func next() throws(ParquetError) -> Page? {
        while cursor.remaining > 0 {
            var reader = ThriftReader(cursor)
            let header = try PageHeader(from: &reader)
            cursor = reader.cursor
            let offset = cursor.fileOffset + cursor.position
            let stored = try cursor.read(count: Int(header.compressedSize))
            if let crc = header.crc {
                let found = unsafe pageChecksum(stored.unsafeBytes)
                guard found == UInt32(bitPattern: crc) else {
                    throw ParquetError(
                        .damaged, "a page's checksum does not match its bytes; restore the file",
                        offset: offset)
                }
            }
            if header.type == .index { continue }
            return try page(header, stored, offset)
        }
        return nil
    }

    private func page(
        _ header: PageHeader, _ stored: Buffer, _ offset: Int
    ) throws(ParquetError) -> Page {
        guard Int(header.uncompressedSize) <= pageBytesMax else {
            throw ParquetError(
                .tooLarge,
                "a page of \(header.uncompressedSize) bytes; at most \(pageBytesMax) are accepted",
                offset: offset)
        }
        guard header.valueCount >= 0 else {
            throw ParquetError(.damaged, "a page with less than no values", offset: offset)
        }
        guard header.type == .dataV2 else {
            let body = try decompressed(stored, size: Int(header.uncompressedSize), offset)
            return Page(header: header, body: body, levels: .empty, offset: offset)
        }
        // The levels of a V2 page stand before the values and are not compressed.
        let levels = Int(header.definitionBytes)
        guard header.repetitionBytes == 0, levels >= 0, levels <= stored.count,
            levels <= header.uncompressedSize, header.nullCount >= 0,
            header.nullCount <= header.valueCount
        else { throw ParquetError(.damaged, "a page's levels reach past it", offset: offset) }
        let values = stored.slice(levels..<stored.count)
        let size = Int(header.uncompressedSize) - levels
        let body =
            header.isCompressed
            ? try decompressed(values, size: size, offset) : try whole(values, size: size, offset)
        return Page(
            header: header, body: body, levels: stored.slice(0..<levels), offset: offset)
    }

    private func decompressed(
        _ stored: Buffer, size: Int, _ offset: Int
    ) throws(ParquetError) -> Buffer {
        guard codec == ParquetCompression.zstd.rawValue else {
            return try whole(stored, size: size, offset)
        }
        // An all-null V2 page may have no bytes at all.
        if size == 0 && stored.count == 0 { return .empty }
        guard let body = decompressZstandard(stored, size: size) else {
            throw ParquetError(
                .damaged, "a page does not decompress to the \(size) bytes announced",
                offset: offset)
        }
        return body
    }

    private func whole(
        _ stored: Buffer, size: Int, _ offset: Int
    ) throws(ParquetError) -> Buffer {
        guard stored.count == size else {
            throw ParquetError(.damaged, "a page's two sizes differ", offset: offset)
        }
        return stored
    }
}
