import Columnar

/// The pages of one column chunk, one after the other.
///
/// A page is checked and decompressed only when its content is asked for.
struct PageReader {
    private let source: any ParquetSource
    private var scanner: PageScanner
    private let codec: PageCodec
    private let budget: ReadBudget
    /// What is charged for the page opened last.
    private var charged = 0

    /// `chunk` is where the chunk lies in the file.
    init(
        _ source: any ParquetSource, _ chunk: Range<Int>, _ codec: PageCodec, _ budget: ReadBudget
    ) {
        self.source = source
        scanner = PageScanner(source, chunk)
        self.codec = codec
        self.budget = budget
    }

    /// The next data or dictionary page, or nil at the end of the chunk.
    mutating func next() throws(ParquetError) -> StoredPage? {
        guard let found = try scanner.next() else { return nil }
        return StoredPage(
            header: found.header,
            bytes: try source.read(found.contentStart..<found.range.upperBound),
            offset: found.contentStart)
    }

    /// Checks and decompresses a page; the one opened before is then given up.
    mutating func open(_ page: StoredPage) throws(ParquetError) -> StoredPage.Content {
        budget.release(charged)
        charged = 0
        let size = page.decodedBytes(codec)
        try budget.charge(size, "a page")
        charged = size
        return try page.open(codec)
    }
}
