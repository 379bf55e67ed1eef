import Columnar

/// Bytes of one column chunk that lie end to end in the file.
struct ChunkSegment {
    let bytes: Buffer
    /// Where they begin in the file.
    let fileOffset: Int
    /// The row of the row group that the first data page in them begins with.
    let firstRow: Int
    /// Whether bytes that are no page may follow the last one.
    var isPadded = false
}

/// The pages of one column chunk, one after the other.
///
/// A page is checked and decompressed only when its content is asked for.
struct PageReader {
    private let segments: [ChunkSegment]
    private var segment = 0
    private var cursor: ByteCursor
    private let codec: PageCodec
    private let budget: ReadBudget
    /// What is charged for the page opened last.
    private var charged = 0

    /// A page as it is stored.
    struct StoredPage {
        let header: PageHeader
        let bytes: Buffer
        /// Where the bytes lie in the file.
        let offset: Int
    }

    /// The content of a page.
    struct Page {
        /// The values, with the levels before them in a V1 data page.
        let body: Buffer
        /// The definition levels of a V2 data page, without a length.
        let levels: Buffer
        /// The repetition levels of a V2 data page, without a length.
        var repetitions = Buffer.empty
    }

    /// There is at least one segment.
    init(_ segments: [ChunkSegment], _ codec: PageCodec, _ budget: ReadBudget) {
        self.segments = segments
        self.codec = codec
        self.budget = budget
        cursor = ByteCursor(segments[0].bytes, fileOffset: segments[0].fileOffset)
    }

    /// The row that the first data page begins with.
    var firstRow: Int { segments[0].firstRow }

    /// Whether bytes that are no page may follow the last page.
    var isPadded: Bool { segments.contains(where: \.isPadded) }

    /// The row that the next data page begins with, when a new segment begins with it.
    private(set) var segmentRow: Int?

    /// The next data or dictionary page, or nil at the end of the last segment.
    mutating func next() throws(ParquetError) -> StoredPage? {
        segmentRow = nil
        while true {
            while cursor.remaining == 0 {
                segment += 1
                guard segment < segments.count else { return nil }
                let next = segments[segment]
                cursor = ByteCursor(next.bytes, fileOffset: next.fileOffset)
                segmentRow = next.firstRow
            }
            var reader = ThriftReader(cursor)
            let header = try PageHeader(from: &reader)
            cursor = reader.cursor
            let offset = cursor.fileOffset + cursor.position
            let stored = try cursor.read(count: Int(header.compressedSize))
            if header.type == .index { continue }
            guard header.valueCount >= 0 else {
                throw ParquetError(.damaged, "a page with less than no values", offset: offset)
            }
            return StoredPage(header: header, bytes: stored, offset: offset)
        }
    }

    /// Checks and decompresses a page; the one opened before is then given up.
    mutating func open(_ page: StoredPage) throws(ParquetError) -> Page {
        budget.release(charged)
        charged = 0
        let header = page.header
        if let crc = header.crc {
            let found = unsafe pageChecksum(page.bytes.unsafeBytes)
            guard found == UInt32(bitPattern: crc) else {
                throw ParquetError(
                    .damaged, "a page's checksum does not match its bytes; restore the file",
                    offset: page.offset)
            }
        }
        let size = Int(header.uncompressedSize)
        guard header.type == .dataV2 else {
            return Page(
                body: try content(page.bytes, size: size, codec, page.offset), levels: .empty)
        }
        // The levels of a V2 page stand before the values and are not compressed.
        // Those of repetition come first.
        let (skipped, definition) = (Int(header.repetitionBytes), Int(header.definitionBytes))
        guard skipped >= 0, definition >= 0, skipped + definition <= min(page.bytes.count, size),
            header.nullCount >= 0, header.nullCount <= header.valueCount
        else {
            throw ParquetError(.damaged, "a page's levels reach past it", offset: page.offset)
        }
        let levels = skipped + definition
        let values = page.bytes.slice(levels..<page.bytes.count)
        let body = try content(
            values, size: size - levels, header.isCompressed ? codec : .uncompressed, page.offset)
        return Page(
            body: body, levels: page.bytes.slice(skipped..<levels),
            repetitions: page.bytes.slice(0..<skipped))
    }

    private mutating func content(
        _ stored: Buffer, size: Int, _ codec: PageCodec, _ offset: Int
    ) throws(ParquetError) -> Buffer {
        guard codec != .uncompressed else {
            guard stored.count == size else {
                throw ParquetError(.damaged, "a page's two sizes differ", offset: offset)
            }
            return stored
        }
        try budget.charge(size, "a page")
        charged = size
        guard let body = codec.decompress(stored, size: size) else {
            throw ParquetError(
                .damaged, "a page does not decompress to the \(size) bytes announced",
                offset: offset)
        }
        return body
    }
}
