import Columnar

/// One column chunk on its way into a file: pages, statistics, page index.
///
/// Data pages are V1, which every reader takes; the definition levels of a nullable column stand
/// before the values and are compressed with them.
struct ColumnChunkWriter {
    let field: Field
    let options: ParquetOptions
    let compressor: ZstandardCompressor

    /// What the footer and the page index say about a chunk that is in the file.
    struct Result {
        var metadata: ColumnChunkMetadata
        var columnIndex: ColumnIndex?
        var pages: [PageLocation]
        /// As it stands in the file, where one was asked for.
        var bloomFilter: [UInt8]?
    }

    /// Appends the chunk to the file.
    func write(_ column: Column, to file: inout [UInt8]) throws(ParquetError) -> Result {
        let values = try ChunkValues(column)
        let choice = try EncodingChoice(
            values, options, forced: options.encodings[field.name], compressor)
        let start = file.count
        var uncompressed = 0
        if let dictionary = choice.dictionary {
            uncompressed += try write(dictionary, choice.storedDictionaryPage, to: &file)
        }
        let dataStart = file.count
        var pages: [PageLocation] = []
        var parts: [PagePart] = []
        for part in Self.parts(column, values, options) {
            let offset = file.count
            let body = pageBody(column, values, part, choice)
            uncompressed += try write(body, as: dataHeader(part, choice), to: &file)
            guard let size = Int32(exactly: file.count - offset) else { throw Self.pageTooLarge }
            pages.append(
                PageLocation(
                    offset: Int64(offset), size: size, firstRow: Int64(part.rows.lowerBound)))
            parts.append(part)
        }
        var encodings = [choice.encoding]
        if choice.dictionary != nil { encodings.append(.plain) }
        if choice.encoding != .rle { encodings.append(.rle) }
        let metadata = ColumnChunkMetadata(
            type: field.type.physicalType, encodings: encodings.map(\.rawValue),
            path: [field.name], codec: options.compression.rawValue,
            valueCount: Int64(column.count), uncompressedBytes: Int64(uncompressed),
            compressedBytes: Int64(file.count - start), dataPageOffset: Int64(dataStart),
            dictionaryPageOffset: choice.dictionary == nil ? nil : Int64(start),
            statistics: statistics(column, values), dataPageEncoding: choice.encoding,
            dataPageCount: Int32(pages.count))
        // What we write, we read.
        guard let leaf = try? LeafColumn(SchemaElement(field), chunk: 0) else {
            preconditionFailure("a column of our own types is flat")
        }
        return Result(
            metadata: metadata, columnIndex: Self.columnIndex(values, parts, leaf), pages: pages,
            bloomFilter: try bloomFilter(values))
    }

    private func bloomFilter(_ values: ChunkValues) throws(ParquetError) -> [UInt8]? {
        guard options.bloomFilterColumns.contains(field.name) else { return nil }
        guard let filter = BloomFilter(values) else {
            throw ParquetError(.invalidArgument, "a boolean has no bloom filter")
        }
        return filter.encoded()
    }

    private static let pageTooLarge = ParquetError(
        .tooLarge, "a page would have more than 2 GiB; write fewer or shorter values")

    /// Writes header and body of a page; returns their size without compression.
    private func write(
        _ body: [UInt8], as header: PageHeader, to file: inout [UInt8]
    ) throws(ParquetError) -> Int {
        try unsafe body.withUnsafeBufferPointer { bytes throws(ParquetError) in
            let stored = unsafe options.compression.stored(
                UnsafeRawBufferPointer(bytes), compressor)
            return try unsafe write(stored, of: bytes.count, as: header, to: &file)
        }
    }

    /// Writes header and body of a page, as stored, of `byteCount` bytes without compression.
    private func write(
        _ stored: UnsafeRawBufferPointer, of byteCount: Int, as header: PageHeader,
        to file: inout [UInt8]
    ) throws(ParquetError) -> Int {
        guard let size = Int32(exactly: byteCount), let storedSize = Int32(exactly: stored.count)
        else { throw Self.pageTooLarge }
        var header = header
        header.uncompressedSize = size
        header.compressedSize = storedSize
        if options.writesPageChecksums {
            header.crc = Int32(bitPattern: unsafe pageChecksum(stored))
        }
        let head = header.encoded()
        file.append(contentsOf: head)
        unsafe file.append(raw: stored)
        return head.count + byteCount
    }

    /// Writes the dictionary's page, which may be there as stored.
    private func write(
        _ dictionary: ValueDictionary, _ stored: [UInt8]?, to file: inout [UInt8]
    ) throws(ParquetError) -> Int {
        let header = PageHeader(
            type: .dictionary, uncompressedSize: 0, compressedSize: 0,
            valueCount: Int32(dictionary.count), encoding: ParquetEncoding.plain.rawValue)
        guard let stored else { return try write(dictionary.page, as: header, to: &file) }
        return try unsafe stored.withUnsafeBufferPointer { bytes throws(ParquetError) in
            try unsafe write(
                UnsafeRawBufferPointer(bytes), of: dictionary.page.count, as: header, to: &file)
        }
    }

    private func dataHeader(_ part: PagePart, _ choice: EncodingChoice) -> PageHeader {
        PageHeader(
            type: .data, uncompressedSize: 0, compressedSize: 0,
            valueCount: Int32(part.rows.count), encoding: choice.encoding.rawValue)
    }

    private func pageBody(
        _ column: Column, _ values: ChunkValues, _ part: PagePart, _ choice: EncodingChoice
    ) -> [UInt8] {
        var body: [UInt8] = []
        if field.isNullable {
            let levels =
                column.validity?.slice(part.rows)
                ?? Bitmap(repeating: true, count: part.rows.count)
            var runs: [UInt8] = []
            encodeRunLength(levels, into: &runs)
            body.append(littleEndian: UInt32(runs.count))
            body.append(contentsOf: runs)
        }
        values.encode(part.values, as: choice.encoding, choice.dictionary, into: &body)
        return body
    }
}

/// The rows of one page, and which of the chunk's non-null values are theirs.
struct PagePart {
    let rows: Range<Int>
    let values: Range<Int>
}

extension ColumnChunkWriter {
    /// Cuts a chunk into pages.
    private static func parts(
        _ column: Column, _ values: ChunkValues, _ options: ParquetOptions
    ) -> [PagePart] {
        var parts: [PagePart] = []
        var row = 0
        var value = 0
        while row < column.count {
            var rows = row..<min(column.count, row + options.pageRowsMax)
            var used = column.validity.map { $0.slice(rows).setBitCount } ?? rows.count
            while rows.count > 1,
                values.stringBytes(value..<value + used) > options.pageBytesMax
            {
                rows = row..<row + rows.count / 2
                used = column.validity.map { $0.slice(rows).setBitCount } ?? rows.count
            }
            parts.append(PagePart(rows: rows, values: value..<value + used))
            row = rows.upperBound
            value += used
        }
        return parts
    }

    private func statistics(_ column: Column, _ values: ChunkValues) -> Statistics {
        var statistics = Statistics(nullCount: Int64(column.count - values.count))
        if let bounds = ValueBounds(values, 0..<values.count) {
            statistics.min = bounds.min
            statistics.max = bounds.max
            statistics.isMinExact = bounds.isMinExact
            statistics.isMaxExact = bounds.isMaxExact
        }
        return statistics
    }

    /// Nil when some page has values but no bounds (all NaN), as the format asks.
    private static func columnIndex(
        _ values: ChunkValues, _ parts: [PagePart], _ leaf: LeafColumn
    ) -> ColumnIndex? {
        var index = ColumnIndex(
            nullPages: [], mins: [], maxs: [], order: .ascending, nullCounts: [])
        var keys: [(min: BoundKey, max: BoundKey)] = []
        for part in parts {
            index.nullCounts.append(Int64(part.rows.count - part.values.count))
            index.nullPages.append(part.values.isEmpty)
            if part.values.isEmpty {
                index.mins.append([])
                index.maxs.append([])
            } else {
                guard let bounds = ValueBounds(values, part.values) else { return nil }
                index.mins.append(bounds.min)
                index.maxs.append(bounds.max)
                guard let min = leaf.key(ofBound: bounds.min),
                    let max = leaf.key(ofBound: bounds.max)
                else { preconditionFailure("bounds of ours have an order") }
                keys.append((min, max))
            }
        }
        let pairs = zip(keys, keys.dropFirst())
        if pairs.allSatisfy({ $0.min <= $1.min && $0.max <= $1.max }) {
            index.order = .ascending
        } else if pairs.allSatisfy({ $0.min >= $1.min && $0.max >= $1.max }) {
            index.order = .descending
        } else {
            index.order = .unordered
        }
        return index
    }
}

extension ChunkValues {
    /// What strings take when PLAIN; 0 for other types, whose pages are bounded by their rows.
    fileprivate func stringBytes(_ range: Range<Int>) -> Int {
        guard case .strings(let strings) = storage else { return 0 }
        return range.count * 4 + strings.byteCount(range)
    }
}
