import Columnar

/// Decodes rows of one column chunk into a column.
struct ColumnChunkReader {
    let leaf: LeafColumn
    /// The rows that are wanted, counted from the start of the row group.
    let rows: Range<Int>
    let budget: ReadBudget
    private let rowCount: Int
    private var pages: PageReader
    private var validity: BitBuilder

    /// The segments are the dictionary page, if any, and the pages that hold the wanted rows;
    /// `rowCount` is that of the row group.
    init(
        _ leaf: LeafColumn, rows: Range<Int>, rowCount: Int, _ segments: [ChunkSegment],
        _ codec: PageCodec, _ budget: ReadBudget
    ) throws(ParquetError) {
        self.leaf = leaf
        self.rows = rows
        self.rowCount = rowCount
        self.budget = budget
        pages = PageReader(segments, codec, budget)
        try budget.charge(
            rows.count, of: decodedBytesPerRow(leaf.field.type), "\(rows.count) rows")
        try budget.charge(rows.count / 8, "\(rows.count) rows")
        validity = BitBuilder(capacity: leaf.field.isNullable ? rows.count : 0)
    }

    /// The validity of the rows that were read.
    var rowValidity: Bitmap? {
        validity.setCount == validity.count ? nil : validity.bitmap()
    }

    /// Decodes the wanted rows, with `null` in the place of nulls.
    ///
    /// `dictionary` gives the values of a dictionary page, `data` those of a data page, `count`
    /// of which are not null.
    mutating func decode<Out: BitwiseCopyable, Values: PageValues<Out>>(
        null: Out, dictionary: (ByteCursor, _ count: Int) throws(ParquetError) -> [Out],
        data: (ParquetEncoding, ByteCursor, _ count: Int) throws(ParquetError) -> Values
    ) throws(ParquetError) -> Buffer {
        let scratch = UnsafeMutablePointer<Out>.allocate(capacity: valuesPerStep)
        defer { unsafe scratch.deallocate() }
        return try Buffer(of: Out.self, count: rows.count) { output throws(ParquetError) in
            try unsafe output.withUnsafeMutableBufferPointer {
                (memory, initialized) throws(ParquetError) in
                guard let base = memory.baseAddress else { return }
                let target = unsafe PageTarget(
                    rows: rows, output: base, scratch: scratch, null: null)
                try readPages(into: target, dictionary: dictionary, data: data)
                // Safe: the pages cover all wanted rows, else an error was thrown.
                initialized = rows.count
            }
        }
    }

    private mutating func readPages<Out, Values: PageValues<Out>>(
        into target: PageTarget<Out>,
        dictionary: (ByteCursor, _ count: Int) throws(ParquetError) -> [Out],
        data: (ParquetEncoding, ByteCursor, _ count: Int) throws(ParquetError) -> Values
    ) throws(ParquetError) {
        var entries: [Out]?
        var row = pages.firstRow
        // Whoever reads to the last row also learns whether pages follow it.
        let readsAll = rows.upperBound == rowCount && !pages.isPadded
        while row < rows.upperBound || readsAll, let page = try pages.next() {
            if let start = pages.segmentRow { row = start }
            let count = Int(page.header.valueCount)
            if page.header.type == .dictionary {
                guard entries == nil, row == pages.firstRow, page.isPlain else {
                    throw page.damaged("a dictionary page out of place")
                }
                entries = try readDictionary(page, count, dictionary)
                continue
            }
            guard count <= rowCount - row else {
                throw page.damaged("pages have more rows than the row group")
            }
            if (row..<row + count).overlaps(rows) {
                try read(page, at: row, into: target, entries, data)
            }
            row += count
        }
        guard row >= rows.upperBound else {
            throw ParquetError(
                .damaged, "pages have \(row) rows, of the row group's \(rowCount)")
        }
    }

    private mutating func readDictionary<Out>(
        _ page: PageReader.StoredPage, _ count: Int,
        _ dictionary: (ByteCursor, _ count: Int) throws(ParquetError) -> [Out]
    ) throws(ParquetError) -> [Out] {
        let body = try pages.open(page).body
        try budget.charge(count, of: MemoryLayout<Out>.stride, "a dictionary")
        return try dictionary(ByteCursor(body, fileOffset: page.offset), count)
    }

    private mutating func read<Out, Values: PageValues<Out>>(
        _ stored: PageReader.StoredPage, at row: Int, into target: PageTarget<Out>,
        _ entries: [Out]?,
        _ data: (ParquetEncoding, ByteCursor, _ count: Int) throws(ParquetError) -> Values
    ) throws(ParquetError) {
        let page = try pages.open(stored)
        let count = Int(stored.header.valueCount)
        var cursor = ByteCursor(page.body, fileOffset: stored.offset)
        let levels = try readLevels(page, stored, &cursor, count: count)
        let valueCount = levels?.setCount ?? count
        appendValidity(levels, page: row..<row + count)
        let bits = valueCount == count ? nil : levels?.bitmap()
        defer { budget.release(levels == nil ? 0 : count / 8) }
        guard let encoding = ParquetEncoding(rawValue: stored.header.encoding) else {
            throw ParquetError(
                .unsupported, "the encoding number \(stored.header.encoding) cannot be read",
                offset: stored.offset)
        }
        if valueCount == 0 {
            target.fillNulls(firstRow: row, count: count)
        } else if encoding == .dictionary || encoding == .plainDictionary {
            guard let entries else {
                throw stored.damaged("codes into a dictionary that is not there")
            }
            var values = try DictionaryValues(cursor, entries)
            try target.fill(&values, firstRow: row, count: count, levels: bits)
        } else {
            var values = try data(encoding, cursor, valueCount)
            defer { budget.release(values.chargedBytes) }
            try target.fill(&values, firstRow: row, count: count, levels: bits)
        }
    }

    // MARK: Levels

    /// Reads the definition levels of a page: a bit a row, set where it is not null; nil for a
    /// column without nulls.
    private func readLevels(
        _ page: PageReader.Page, _ stored: PageReader.StoredPage, _ cursor: inout ByteCursor,
        count: Int
    ) throws(ParquetError) -> BitBuilder? {
        guard leaf.field.isNullable else { return nil }
        try budget.charge(count / 8, "the levels of a page")
        var bits = BitBuilder(capacity: count)
        if stored.header.type == .dataV2 {
            let levels = ByteCursor(page.levels, fileOffset: stored.offset)
            var runs = try RunLengthDecoder(levels, width: 1)
            try runs.nextBits(count, into: &bits)
            guard count - bits.setCount == Int(stored.header.nullCount) else {
                throw levels.damaged("a page's count of nulls is wrong")
            }
            return bits
        }
        switch ParquetEncoding(rawValue: stored.header.levelEncoding) {
        case .rle:
            let length = Int(try cursor.readUInt32())
            let start = cursor.fileOffset + cursor.position
            var runs = try RunLengthDecoder(
                ByteCursor(try cursor.read(count: length), fileOffset: start), width: 1)
            try runs.nextBits(count, into: &bits)
        case .bitPacked:
            for index in 0..<(count + 7) / 8 {
                // The first level is the highest bit.
                let byte = try cursor.readByte().bitReversed
                let used = min(8, count - index * 8)
                bits.append(word: UInt64(byte) & ((1 << UInt64(used)) - 1), count: used)
            }
        default:
            throw ParquetError(
                .unsupported,
                "levels of the encoding number \(stored.header.levelEncoding) cannot be read",
                offset: stored.offset)
        }
        return bits
    }

    private mutating func appendValidity(_ levels: BitBuilder?, page: Range<Int>) {
        let part = page.clamped(to: rows)
        guard let levels, !part.isEmpty else { return }
        if levels.setCount == levels.count {
            validity.append(repeating: true, count: part.count)
        } else {
            let start = part.lowerBound - page.lowerBound
            validity.append(levels.bitmap().slice(start..<start + part.count))
        }
    }
}

extension PageReader.StoredPage {
    func damaged(_ message: String) -> ParquetError {
        ParquetError(.damaged, message, offset: offset)
    }

    /// Whether a dictionary page's values are PLAIN, by either of its names.
    var isPlain: Bool {
        header.encoding == ParquetEncoding.plain.rawValue
            || header.encoding == ParquetEncoding.plainDictionary.rawValue
    }
}

extension UInt8 {
    fileprivate var bitReversed: UInt8 {
        var rest = self
        var result: UInt8 = 0
        for _ in 0..<8 {
            result = result << 1 | rest & 1
            rest >>= 1
        }
        return result
    }
}
