import Columnar

/// A page as it is stored.
struct StoredPage: Sendable {
    let header: PageHeader
    let bytes: Buffer
    /// Where the bytes lie in the file.
    let offset: Int

    /// The content of a page.
    struct Content: Sendable {
        /// The values, with the levels before them in a V1 data page.
        let body: Buffer
        /// The definition levels of a V2 data page, without a length.
        let levels: Buffer
        /// The repetition levels of a V2 data page, without a length.
        var repetitions = Buffer.empty
    }

    /// What decompressing it takes in memory.
    func decodedBytes(_ codec: PageCodec) -> Int {
        codec == .uncompressed ? 0 : Int(header.uncompressedSize)
    }

    /// Checks and decompresses the page; the caller has charged its `decodedBytes`.
    func open(_ codec: PageCodec) throws(ParquetError) -> Content {
        if let crc = header.crc {
            let found = unsafe pageChecksum(bytes.unsafeBytes)
            guard found == UInt32(bitPattern: crc) else {
                throw damaged("a page's checksum does not match its bytes; restore the file")
            }
        }
        let size = Int(header.uncompressedSize)
        guard header.type == .dataV2 else {
            return Content(body: try content(bytes, size: size, codec), levels: .empty)
        }
        // The levels of a V2 page stand before the values and are not compressed.
        // Those of repetition come first.
        let (skipped, definition) = (Int(header.repetitionBytes), Int(header.definitionBytes))
        guard skipped >= 0, definition >= 0, skipped + definition <= min(bytes.count, size),
            header.nullCount >= 0, header.nullCount <= header.valueCount
        else { throw damaged("a page's levels reach past it") }
        let levels = skipped + definition
        let values = bytes.slice(levels..<bytes.count)
        let body = try content(
            values, size: size - levels, header.isCompressed ? codec : .uncompressed)
        return Content(
            body: body, levels: bytes.slice(skipped..<levels),
            repetitions: bytes.slice(0..<skipped))
    }

    private func content(
        _ stored: Buffer, size: Int, _ codec: PageCodec
    ) throws(ParquetError) -> Buffer {
        guard codec != .uncompressed else {
            guard stored.count == size else { throw damaged("a page's two sizes differ") }
            return stored
        }
        guard let body = codec.decompress(stored, size: size) else {
            throw damaged("a page does not decompress to the \(size) bytes announced")
        }
        return body
    }

    func damaged(_ message: String) -> ParquetError {
        ParquetError(.damaged, message, offset: offset)
    }

    /// Whether a dictionary page's values are PLAIN, by either of its names.
    var isPlain: Bool {
        header.encoding == ParquetEncoding.plain.rawValue
            || header.encoding == ParquetEncoding.plainDictionary.rawValue
    }
}

extension StoredPage {
    /// The data page that lies at a place, out of its bytes.
    init(_ place: PagePlace, _ bytes: Buffer) throws(ParquetError) {
        let (header, cursor) = try PageHeader.read(
            ByteCursor(bytes, fileOffset: place.range.lowerBound))
        let offset = cursor.fileOffset + cursor.position
        self.init(
            header: header, bytes: bytes.slice(cursor.position..<bytes.count), offset: offset)
        // A page index may say anything.
        guard header.type == .data || header.type == .dataV2,
            Int(header.valueCount) == place.rows.count,
            Int(header.compressedSize) == self.bytes.count
        else { throw damaged("a page is another one than the page index says") }
    }
}

extension PageHeader {
    /// Whether the values of a data page are codes into the dictionary.
    var hasCodes: Bool {
        encoding == ParquetEncoding.dictionary.rawValue
            || encoding == ParquetEncoding.plainDictionary.rawValue
    }
}

/// A page with its content.
struct OpenPage: Sendable {
    let stored: StoredPage
    let content: StoredPage.Content
}
