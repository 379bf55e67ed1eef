import Columnar

/// Decodes rows of one column chunk into a column.
struct ColumnChunkReader {
    let leaf: LeafColumn
    /// The rows that are wanted, counted from the start of the row group.
    let rows: Range<Int>
    let budget: ReadBudget
    private let chunk: SharedColumnChunk
    private let part: SharedColumnChunk.Part
    private var validity: BitBuilder
    /// The bytes of pages that were read last, and where they lie in the file.
    private var loaded = Buffer.empty
    private var loadedRange = 0..<0

    /// Pages that lie end to end are read together, as long as they are no more than this.
    private static let loadedBytesMax = 256 << 10

    init(
        _ chunk: SharedColumnChunk, _ part: SharedColumnChunk.Part, rows: Range<Int>,
        _ budget: ReadBudget
    ) throws(ParquetError) {
        leaf = chunk.leaf
        self.chunk = chunk
        self.part = part
        self.rows = rows
        self.budget = budget
        try budget.charge(
            rows.count, of: decodedBytesPerRow(leaf.field.type), "\(rows.count) rows")
        try budget.charge(rows.count / 8, "\(rows.count) rows")
        validity = BitBuilder(capacity: leaf.field.isNullable ? rows.count : 0)
    }

    /// The validity of the rows that were read.
    var rowValidity: Bitmap? {
        validity.setCount == validity.count ? nil : validity.bitmap()
    }

    /// How many values the dictionary page announces.
    var dictionaryCount: Int { Int(part.dictionary?.stored.header.valueCount ?? 0) }

    /// What the dictionary page holds, made once for all ranges; nil when there is none.
    func dictionary<Entries: Sendable>(
        _ make: (ByteCursor, _ count: Int) throws(ParquetError) -> Entries
    ) throws(ParquetError) -> Entries? {
        guard let page = part.dictionary else { return nil }
        return try chunk.entries { () throws(ParquetError) in
            try make(
                ByteCursor(page.content.body, fileOffset: page.stored.offset),
                Int(page.stored.header.valueCount))
        }
    }

    /// Decodes the wanted rows, with `null` in the place of nulls.
    ///
    /// `entries` are the values of the dictionary, `data` gives those of a data page, `count` of
    /// which are not null.
    mutating func decode<Out: BitwiseCopyable, Values: PageValues<Out>>(
        null: Out, _ entries: [Out]?,
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
                for (number, place) in zip(part.places.indices, part.places) {
                    try read(number, place, into: target, entries, data)
                }
                // Safe: the pages cover all wanted rows, else there was no part.
                initialized = rows.count
            }
        }
    }

    private mutating func read<Out, Values: PageValues<Out>>(
        _ number: Int, _ place: PagePlace, into target: PageTarget<Out>, _ entries: [Out]?,
        _ data: (ParquetEncoding, ByteCursor, _ count: Int) throws(ParquetError) -> Values
    ) throws(ParquetError) {
        if let page = part.opened[number] {
            try read(page.stored, page.content, at: place.rows, into: target, entries, data)
            return
        }
        let stored = try StoredPage(place, load(place, number: number))
        let size = stored.decodedBytes(chunk.codec)
        try budget.charge(size, "a page")
        let content = try stored.open(chunk.codec)
        try read(stored, content, at: place.rows, into: target, entries, data)
        budget.release(size)
    }

    /// The bytes of a page, read together with those that follow.
    private mutating func load(_ place: PagePlace, number: Int) throws(ParquetError) -> Buffer {
        if place.range.clamped(to: loadedRange) != place.range {
            var range = place.range
            for next in number + 1..<part.places.endIndex {
                let page = part.places[next].range
                guard part.opened[next] == nil, page.lowerBound == range.upperBound,
                    page.upperBound - range.lowerBound <= Self.loadedBytesMax
                else { break }
                range = range.lowerBound..<page.upperBound
            }
            loaded = try chunk.source.read(range)
            loadedRange = range
        }
        let start = place.range.lowerBound - loadedRange.lowerBound
        return loaded.slice(start..<start + place.range.count)
    }

    private mutating func read<Out, Values: PageValues<Out>>(
        _ stored: StoredPage, _ page: StoredPage.Content, at pageRows: Range<Int>,
        into target: PageTarget<Out>, _ entries: [Out]?,
        _ data: (ParquetEncoding, ByteCursor, _ count: Int) throws(ParquetError) -> Values
    ) throws(ParquetError) {
        let (row, count) = (pageRows.lowerBound, pageRows.count)
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
        } else if stored.header.hasCodes {
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
        _ page: StoredPage.Content, _ stored: StoredPage, _ cursor: inout ByteCursor,
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
