import Columnar

/// Finds the pages of a column chunk, header by header, without reading what is in them.
struct PageScanner {
    private let source: any ParquetSource
    private let end: Int
    private var position: Int
    /// The bytes read last, and where they begin in the file.
    private var window = Buffer.empty
    private var windowStart: Int

    /// What is read for a header, and for small pages that follow it.
    private static let windowBytes = 8_192

    /// `chunk` is where the chunk lies in the file.
    init(_ source: any ParquetSource, _ chunk: Range<Int>) {
        self.source = source
        end = chunk.upperBound
        position = chunk.lowerBound
        windowStart = position
    }

    /// A page that was found.
    struct Found {
        let header: PageHeader
        /// Where it lies in the file, header included.
        let range: Range<Int>
        /// Where what follows the header begins.
        let contentStart: Int

        func damaged(_ message: String) -> ParquetError {
            ParquetError(.damaged, message, offset: contentStart)
        }
    }

    /// The next data or dictionary page, or nil at the end of the chunk.
    mutating func next() throws(ParquetError) -> Found? {
        while position < end {
            let start = position
            let reader = try readHeader()
            let header = reader.header
            let content = reader.cursor.fileOffset + reader.cursor.position
            guard Int(header.compressedSize) <= end - content else {
                throw reader.cursor.damaged(
                    "\(header.compressedSize) bytes are announced, \(end - content) are left")
            }
            position = content + Int(header.compressedSize)
            if header.type == .index { continue }
            guard header.valueCount >= 0 else {
                throw ParquetError(.damaged, "a page with less than no values", offset: content)
            }
            return Found(header: header, range: start..<position, contentStart: content)
        }
        return nil
    }

    private mutating func readHeader() throws(ParquetError) -> (
        header: PageHeader, cursor: ByteCursor
    ) {
        var size = Self.windowBytes
        if position >= windowStart + window.count { try readWindow(size) }
        while true {
            let place = position - windowStart
            let reachesEnd = windowStart + window.count >= end
            do throws(ParquetError) {
                return try PageHeader.read(
                    ByteCursor(window.slice(place..<window.count), fileOffset: position))
            } catch {
                // A header may be longer than what was read of it.
                if reachesEnd { throw error }
            }
            if place == 0 { size *= 8 }
            try readWindow(size)
        }
    }

    private mutating func readWindow(_ size: Int) throws(ParquetError) {
        window = try source.read(position..<min(end, position + size))
        windowStart = position
    }
}

extension PageHeader {
    /// The header that stands at a place, and the place behind it.
    static func read(
        _ cursor: ByteCursor
    ) throws(ParquetError) -> (header: PageHeader, cursor: ByteCursor) {
        var reader = ThriftReader(cursor)
        let header = try PageHeader(from: &reader)
        return (header, reader.cursor)
    }
}
