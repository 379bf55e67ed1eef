import Columnar

/// The levels of a leaf column of a row group.
struct NestedLevels {
    var definitions: [UInt32] = []
    var repetitions: [UInt32] = []
    let definitionMax: Int

    var count: Int { definitions.count }
}

/// The values of a leaf column that are there.
enum LeafValues {
    case booleans([UInt8])
    case integers([Int64])
    /// Codes of an interner, and what they mean.
    case texts([Int32], StringDictionary)

    subscript(_ index: Int) -> NestedValue {
        switch self {
        case .booleans(let values): .boolean(values[index] != 0)
        case .integers(let values): .integer(values[index])
        case .texts(let codes, let entries): .text(entries.string(at: Int(codes[index])))
        }
    }
}

extension ParquetFile {
    /// Decodes a leaf column of a row group, which may be nested.
    func decodeLeaf(
        _ chunk: ColumnChunkMetadata, _ type: PhysicalType, definitionMax: Int,
        repetitionMax: Int, _ budget: ReadBudget
    ) throws(ParquetError) -> (NestedLevels, LeafValues) {
        let end = chunk.startOffset.addingReportingOverflow(chunk.compressedBytes)
        guard chunk.type == type, chunk.valueCount >= 0, chunk.startOffset >= magic.count,
            chunk.compressedBytes >= 0, !end.overflow, end.partialValue <= Int64(footer.dataEnd)
        else { throw ParquetError(.damaged, "a column chunk lies outside the file") }
        let range = Int(chunk.startOffset)..<Int(end.partialValue)
        let codec = try PageCodec(reading: chunk.codec, offset: range.lowerBound)
        var pages = NestedPages(
            pages: PageReader(source, range, codec, budget),
            levels: NestedLevels(definitionMax: definitionMax), repetitionMax: repetitionMax,
            budget: budget)
        let values: LeafValues
        switch type {
        case .boolean:
            values = .booleans(
                try pages.read { page, _ throws(ParquetError) -> [UInt8] in
                    throw page.damaged("booleans with a dictionary")
                } data: { encoding, page, count throws(ParquetError) in
                    var values = try BooleanValues(page, encoding, count: count)
                    return try values.all(count)
                })
        case .int32: values = .integers(try pages.integers(Widened<Int32, Int64>(), .int32))
        case .int64: values = .integers(try pages.integers(Unchanged<Int64>(), .int64))
        default:
            let interner = StringInterner()
            let codes = try pages.texts(InternedText(budget: budget, interner: interner))
            values = .texts(codes, interner.dictionary())
        }
        guard pages.levels.count == Int(chunk.valueCount) else {
            throw ParquetError(.damaged, "pages have other values than the column chunk")
        }
        return (pages.levels, values)
    }
}

/// The pages of a nested leaf column.
private struct NestedPages {
    var pages: PageReader
    var levels: NestedLevels
    let repetitionMax: Int
    let budget: ReadBudget

    mutating func integers<Form: FixedForm>(
        _ form: Form, _ type: PhysicalType
    ) throws(ParquetError) -> [Int64] where Form.Out == Int64 {
        try read { page, count throws(ParquetError) in
            var values = try FixedValues(page, .plain, type, form, count: count)
            return try values.all(count)
        } data: { encoding, page, count throws(ParquetError) in
            var values = try FixedValues(page, encoding, type, form, count: count)
            return try values.all(count)
        }
    }

    mutating func texts(_ form: InternedText) throws(ParquetError) -> [Int32] {
        let budget = budget
        return try read { page, count throws(ParquetError) in
            guard count <= page.remaining / 4 else {
                throw page.damaged("a dictionary of \(count) entries in fewer bytes")
            }
            var values = try ByteArrayValues(page, .plain, length: nil, count: count, form)
            return try values.all(count)
        } data: { encoding, page, count throws(ParquetError) in
            var values = try ByteArrayValues(page, encoding, length: nil, count: count, form)
            defer { budget.release(values.chargedBytes) }
            return try values.all(count)
        }
    }

    /// Reads all pages: appends the levels, gives the values end to end.
    mutating func read<Out: BitwiseCopyable>(
        dictionary: (ByteCursor, _ count: Int) throws(ParquetError) -> [Out],
        data: (ParquetEncoding, ByteCursor, _ count: Int) throws(ParquetError) -> [Out]
    ) throws(ParquetError) -> [Out] {
        var entries: [Out]?
        var found: [Out] = []
        while let stored = try pages.next() {
            let count = Int(stored.header.valueCount)
            let page = try pages.open(stored)
            var cursor = ByteCursor(page.body, fileOffset: stored.offset)
            if stored.header.type == .dictionary {
                guard entries == nil, stored.isPlain else {
                    throw stored.damaged("a dictionary page out of place")
                }
                try budget.charge(count, of: MemoryLayout<Out>.stride, "a dictionary")
                entries = try dictionary(cursor, count)
                continue
            }
            try budget.charge(count, of: 8 + MemoryLayout<Out>.stride, "a page of \(count) values")
            let valueCount = try readLevels(page, stored, &cursor, count: count)
            guard let encoding = ParquetEncoding(rawValue: stored.header.encoding) else {
                throw stored.damaged("the encoding number \(stored.header.encoding)")
            }
            if valueCount == 0 { continue }
            if encoding == .dictionary || encoding == .plainDictionary {
                guard let entries else {
                    throw stored.damaged("codes into a dictionary that is not there")
                }
                var values = try DictionaryValues(cursor, entries)
                found += try values.all(valueCount)
            } else {
                found += try data(encoding, cursor, valueCount)
            }
        }
        return found
    }

    /// Appends the levels of a page; returns how many of its entries have a value.
    private mutating func readLevels(
        _ page: StoredPage.Content, _ stored: StoredPage, _ cursor: inout ByteCursor,
        count: Int
    ) throws(ParquetError) -> Int {
        let isV2 = stored.header.type == .dataV2
        let repetitions = try readRuns(
            isV2 ? page.repetitions : nil, max: repetitionMax, stored, &cursor, count: count)
        let definitions = try readRuns(
            isV2 ? page.levels : nil, max: levels.definitionMax, stored, &cursor, count: count)
        levels.repetitions += repetitions
        levels.definitions += definitions
        let full = UInt32(levels.definitionMax)
        return definitions.reduce(0) { $0 + ($1 == full ? 1 : 0) }
    }

    /// Levels up to `max`; those of a V1 page have their length before them.
    private func readRuns(
        _ own: Buffer?, max: Int, _ stored: StoredPage, _ cursor: inout ByteCursor,
        count: Int
    ) throws(ParquetError) -> [UInt32] {
        guard max > 0 else { return [UInt32](repeating: 0, count: count) }
        let bytes: Buffer
        if let own {
            bytes = own
        } else {
            guard stored.header.levelEncoding == ParquetEncoding.rle.rawValue else {
                throw ParquetError(
                    .unsupported, "levels that are not run-length encoded cannot be read here",
                    offset: stored.offset)
            }
            bytes = try cursor.read(count: Int(try cursor.readUInt32()))
        }
        var runs = try RunLengthDecoder(
            ByteCursor(bytes, fileOffset: stored.offset),
            width: Int.bitWidth - max.leadingZeroBitCount)
        var failure: ParquetError?
        let found = unsafe [UInt32](unsafeUninitializedCapacity: count) { output, initialized in
            guard let base = output.baseAddress else { return }
            do throws(ParquetError) {
                // Safe: the memory has room for `count` levels.
                try unsafe runs.next(count, into: base)
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        guard found.allSatisfy({ $0 <= UInt32(max) }) else {
            throw stored.damaged("a level above \(max)")
        }
        return found
    }
}
