import Columnar

/// Decodes one column chunk into a column.
struct ColumnChunkReader {
    private let leaf: LeafColumn
    private let rowCount: Int
    private var pages: PageReader
    private var isValid: [Bool] = []
    private var rowsRead = 0

    init(
        _ leaf: LeafColumn, rowCount: Int, chunk: Buffer, fileOffset: Int, codec: Int32,
        pageBytesMax: Int
    ) throws(ParquetError) {
        self.leaf = leaf
        self.rowCount = rowCount
        pages = try PageReader(
            chunk, fileOffset: fileOffset, codec: codec, pageBytesMax: pageBytesMax)
    }

    mutating func read() throws(ParquetError) -> Column {
        switch leaf.physicalType {
        case .boolean: return try readBooleans()
        case .byteArray: return try readStrings()
        case .int32:
            let values = try readNumbers(Int32.self)
            return leaf.field.type.layout == .int32
                ? fixed(values) : fixed(values.map { Int64($0) })
        case .int64:
            var values = try readNumbers(Int64.self)
            if leaf.conversion == .millisToMicros { try multiplyByThousand(&values) }
            return fixed(values)
        case .float:
            let values = try readNumbers(Float.self)
            return fixed(values.map { Double($0) })
        case .double:
            // Not in one expression: `fixed` would see the state before reading.
            let values = try readNumbers(Double.self)
            return fixed(values)
        case .fixedLengthByteArray: return try readDecimals()
        case .int96: throw unsupported("timestamps of 96 bits")
        }
    }

    // MARK: Pages

    /// Calls `body` with each data page's values: their encoding, bytes and number.
    private mutating func forEachPage(
        dictionary: (_ page: ByteCursor, _ count: Int) throws(ParquetError) -> Void,
        data: (ParquetEncoding, ByteCursor, _ count: Int) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        isValid.reserveCapacity(leaf.field.isNullable ? rowCount : 0)
        var hasDictionary = false
        while let page = try pages.next() {
            let count = Int(page.header.valueCount)
            var cursor = ByteCursor(page.body, fileOffset: page.offset)
            guard page.header.type != .dictionary else {
                guard !hasDictionary, rowsRead == 0,
                    page.header.encoding == ParquetEncoding.plain.rawValue
                        || page.header.encoding == ParquetEncoding.plainDictionary.rawValue
                else { throw cursor.damaged("a dictionary page out of place") }
                hasDictionary = true
                try dictionary(cursor, count)
                continue
            }
            guard count <= rowCount - rowsRead else {
                throw cursor.damaged("pages have more rows than the row group")
            }
            let valueCount = try readLevels(page, &cursor, count: count)
            guard let encoding = ParquetEncoding(rawValue: page.header.encoding) else {
                throw unsupported("the encoding number \(page.header.encoding)")
            }
            try data(encoding, cursor, valueCount)
            rowsRead += count
        }
        guard rowsRead == rowCount else {
            throw ParquetError(
                .damaged, "pages have \(rowsRead) rows, the row group \(rowCount)")
        }
    }

    /// Reads the definition levels of a page; returns how many of its values are not null.
    private mutating func readLevels(
        _ page: PageReader.Page, _ cursor: inout ByteCursor, count: Int
    ) throws(ParquetError) -> Int {
        guard leaf.field.isNullable else { return count }
        var levels: ByteCursor
        if page.header.type == .dataV2 {
            levels = ByteCursor(page.levels, fileOffset: page.offset)
        } else {
            guard page.header.levelEncoding == ParquetEncoding.rle.rawValue else {
                throw unsupported("levels that are not RLE")
            }
            let length = Int(try cursor.readUInt32())
            let start = cursor.fileOffset + cursor.position
            levels = ByteCursor(try cursor.read(count: length), fileOffset: start)
        }
        var valid = 0
        for level in try levels.readRunLength(width: 1, count: count) {
            isValid.append(level == 1)
            valid += Int(level)
        }
        guard page.header.type != .dataV2 || count - valid == Int(page.header.nullCount) else {
            throw levels.damaged("a page's count of nulls is wrong")
        }
        return valid
    }

    private func unsupported(_ what: String) -> ParquetError {
        ParquetError(.unsupported, "\(what) cannot be read", column: leaf.field.name)
    }

    // MARK: Types

    private mutating func readNumbers<T: PlainNumber>(
        _ type: T.Type
    ) throws(ParquetError) -> [T] {
        var values: [T] = []
        values.reserveCapacity(rowCount)
        var entries: [T] = []
        let leaf = leaf
        try forEachPage { page, count throws(ParquetError) in
            var page = page
            entries = try page.readPlain(T.self, count: count)
        } data: { encoding, page, count throws(ParquetError) in
            var page = page
            switch encoding {
            case .plain: values += try page.readPlain(T.self, count: count)
            case .plainDictionary, .dictionary:
                for code in try page.readCodes(count: count, entryCount: entries.count) {
                    values.append(entries[Int(code)])
                }
            case .byteStreamSplit: values += try page.readSplit(T.self, count: count)
            case .deltaBinaryPacked:
                values += try page.readDifferences(T.self, count: count)
            case .rle, .deltaLengthByteArray, .deltaByteArray:
                throw page.damaged("\(encoding) in a column of type \(leaf.physicalType)")
            }
        }
        return values
    }

    private mutating func readBooleans() throws(ParquetError) -> Column {
        var values: [Bool] = []
        values.reserveCapacity(rowCount)
        try forEachPage { page, _ throws(ParquetError) in
            throw page.damaged("booleans with a dictionary")
        } data: { encoding, page, count throws(ParquetError) in
            var page = page
            switch encoding {
            case .plain:
                let bits = Bitmap(try page.read(count: (count + 7) / 8), count: count)
                for index in 0..<count { values.append(bits[index]) }
            case .rle:
                // The length of the runs stands before them.
                guard Int(try page.readUInt32()) == page.remaining else {
                    throw page.damaged("runs of another length than announced")
                }
                for value in try page.readRunLength(width: 1, count: count) {
                    values.append(value == 1)
                }
            default: throw page.damaged("booleans as \(encoding)")
            }
        }
        return Column(bits: Bitmap(scatter(values, filler: false)), validity: validity)
    }

    private mutating func readDecimals() throws(ParquetError) -> Column {
        var values: [Int128] = []
        var entries: [Int128] = []
        let length = leaf.typeLength
        try forEachPage { page, count throws(ParquetError) in
            var page = page
            entries = try page.readBigEndian(count: count, length: length)
        } data: { encoding, page, count throws(ParquetError) in
            var page = page
            switch encoding {
            case .plain: values += try page.readBigEndian(count: count, length: length)
            case .plainDictionary, .dictionary:
                for code in try page.readCodes(count: count, entryCount: entries.count) {
                    values.append(entries[Int(code)])
                }
            default: throw page.damaged("decimals as \(encoding)")
            }
        }
        guard leaf.field.type.layout == .int64 else { return fixed(values) }
        var narrow: [Int64] = []
        narrow.reserveCapacity(values.count)
        for value in values {
            guard let value = Int64(exactly: value) else {
                throw ParquetError(.damaged, "a decimal has more digits than its type")
            }
            narrow.append(value)
        }
        return fixed(narrow)
    }

    private mutating func readStrings() throws(ParquetError) -> Column {
        let interner = StringInterner()
        var codes: [Int32] = []
        codes.reserveCapacity(rowCount)
        var entries: [Int32] = []
        try forEachPage { page, count throws(ParquetError) in
            var page = page
            entries = try page.readPlainStrings(count: count, into: interner)
        } data: { encoding, page, count throws(ParquetError) in
            var page = page
            switch encoding {
            case .plain: codes += try page.readPlainStrings(count: count, into: interner)
            case .plainDictionary, .dictionary:
                for code in try page.readCodes(count: count, entryCount: entries.count) {
                    codes.append(entries[Int(code)])
                }
            case .deltaLengthByteArray:
                codes += try page.readDeltaLengthStrings(count: count, into: interner)
            case .deltaByteArray: codes += try page.readDeltaStrings(count: count, into: interner)
            case .rle, .deltaBinaryPacked, .byteStreamSplit:
                throw page.damaged("strings as \(encoding)")
            }
        }
        // Null rows have the code 0, which must mean something.
        if interner.count == 0 { _ = interner.intern("") }
        // Safe: every code is one that the interner gave.
        return unsafe Column(
            uncheckedCodes: Buffer(copying: scatter(codes, filler: 0)),
            dictionary: interner.dictionary(), count: rowCount, validity: validity)
    }

    // MARK: Columns

    private var validity: Bitmap? {
        isValid.contains(false) ? Bitmap(isValid) : nil
    }

    private func fixed<T: BitwiseCopyable & ExpressibleByIntegerLiteral>(_ values: [T]) -> Column {
        Column(
            leaf.field.type, values: Buffer(copying: scatter(values, filler: 0)), count: rowCount,
            validity: validity)
    }

    /// Puts the values where the rows are that are not null.
    private func scatter<T>(_ values: [T], filler: T) -> [T] {
        guard values.count < rowCount else { return values }
        var rows = [T](repeating: filler, count: rowCount)
        var next = 0
        for row in 0..<rowCount where isValid[row] {
            rows[row] = values[next]
            next += 1
        }
        return rows
    }

    private func multiplyByThousand(_ values: inout [Int64]) throws(ParquetError) {
        for index in values.indices {
            let (micros, overflow) = values[index].multipliedReportingOverflow(by: 1_000)
            guard !overflow else {
                throw ParquetError(.damaged, "a timestamp is out of the range of microseconds")
            }
            values[index] = micros
        }
    }
}
