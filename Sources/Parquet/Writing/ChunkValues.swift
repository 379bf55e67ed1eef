import Columnar

/// The values of one column chunk that are not null, in the type they have in the file.
struct ChunkValues {
    let storage: Storage
    /// How many there are.
    let count: Int

    enum Storage {
        case booleans(Bitmap)
        case int32s(Buffer)
        case int64s(Buffer)
        case doubles(Buffer)
        /// Decimals of 16 bytes, high byte first.
        case fixed(Buffer)
        /// Strings or bytes.
        case strings(StringValues)
    }

    struct StringValues {
        /// `Int32` codes into `entries`.
        let codes: Buffer
        let entries: StringDictionary
        /// Whether they are text, which is cut between characters only.
        let isText: Bool
        /// Whether the entries are distinct, in ascending order of their bytes, and all used.
        let isSorted: Bool
    }

    /// More distinct strings than this are not worth a dictionary.
    static let sortedEntriesMax = 65_536

    /// The values of a column of any type.
    init(_ column: Column) throws(ParquetError) {
        let dense = column.validity.map { column.gather($0.setBitIndices()) } ?? column
        count = dense.count
        switch column.type {
        case .boolean: storage = .booleans(dense.bits ?? Bitmap([]))
        case .int, .date: storage = .int32s(dense.values)
        case .long, .timestamp: storage = .int64s(dense.values)
        case .double: storage = .doubles(dense.values)
        case .string, .binary: storage = .strings(StringValues(dense))
        case .decimal(let precision, _):
            try Self.checkPrecision(dense, precision)
            switch column.type.physicalType {
            case .int32: storage = .int32s(Self.narrowed(dense))
            case .int64: storage = .int64s(dense.values)
            default: storage = .fixed(Self.bigEndian(dense))
            }
        }
    }

    /// A decimal with more digits than its type says would not be read back by anyone.
    private static func checkPrecision(_ column: Column, _ precision: Int) throws(ParquetError) {
        var limit: Int128 = 1
        for _ in 0..<precision { limit *= 10 }
        var fits = true
        if column.type.layout == .int64 {
            let values = column.int64s
            let bound = Int64(limit)
            for row in 0..<column.count { fits = fits && values[row].magnitude < bound.magnitude }
        } else {
            let values = column.int128s
            for row in 0..<column.count { fits = fits && values[row].magnitude < limit.magnitude }
        }
        guard fits else {
            throw ParquetError(
                .invalidArgument, "a value has more than the \(precision) digits of its type")
        }
    }

    private static func narrowed(_ column: Column) -> Buffer {
        let values = column.int64s
        return Buffer(of: Int32.self, count: column.count) { output in
            // Safe: nine digits fit in 32 bits, and precision was checked.
            for row in 0..<column.count { output.append(Int32(truncatingIfNeeded: values[row])) }
        }
    }

    private static func bigEndian(_ column: Column) -> Buffer {
        let values = column.int128s
        return Buffer(of: Int128.self, count: column.count) { output in
            for row in 0..<column.count { output.append(values[row].bigEndian) }
        }
    }
}

extension ChunkValues.StringValues {
    /// Gives equal strings one code and codes the order of the strings, so that what is written
    /// depends on the values alone and not on how the column's dictionary came about.
    init(_ column: Column) {
        guard let dictionary = column.dictionary else {
            preconditionFailure("a string column has a dictionary")
        }
        isText = column.type == .string
        guard !Self.areTooMany(column, dictionary) else {
            codes = column.values
            entries = dictionary
            isSorted = false
            return
        }
        let source = column.int32s
        let interner = StringInterner()
        var numbers = [Int32](repeating: -1, count: dictionary.count)
        for row in 0..<column.count where numbers[Int(source[row])] < 0 {
            let code = Int(source[row])
            numbers[code] = unsafe interner.intern(dictionary.unsafeBytes(at: code))
            if interner.count > ChunkValues.sortedEntriesMax { break }
        }
        guard interner.count <= ChunkValues.sortedEntriesMax else {
            codes = column.values
            entries = dictionary
            isSorted = false
            return
        }
        let distinct = interner.dictionary()
        let order = (0..<distinct.count).sorted {
            unsafe distinct.unsafeBytes(at: $0)
                .lexicographicallyPrecedes(distinct.unsafeBytes(at: $1))
        }
        var ranks = [Int32](repeating: 0, count: distinct.count)
        for (rank, number) in order.enumerated() { ranks[number] = Int32(rank) }
        codes = Buffer(of: Int32.self, count: column.count) { output in
            for row in 0..<column.count { output.append(ranks[Int(numbers[Int(source[row])])]) }
        }
        entries = Self.reordered(distinct, order)
        isSorted = true
    }

    /// Whether it is plain without a look at the strings that too many distinct ones occur.
    private static func areTooMany(_ column: Column, _ dictionary: StringDictionary) -> Bool {
        guard dictionary.areDistinct, dictionary.count > ChunkValues.sortedEntriesMax else {
            return false
        }
        var isUsed = [UInt8](repeating: 0, count: dictionary.count)
        let codes = column.int32s
        for row in codes.indices { isUsed[Int(codes[row])] = 1 }
        return isUsed.reduce(0) { $0 + Int($1) } > ChunkValues.sortedEntriesMax
    }

    private static func reordered(_ entries: StringDictionary, _ order: [Int]) -> StringDictionary {
        var bytes: [UInt8] = []
        var offsets: [Int32] = [0]
        for number in order {
            unsafe bytes.append(raw: entries.unsafeBytes(at: number))
            offsets.append(Int32(bytes.count))
        }
        // Safe: the same entries in another order.
        return unsafe StringDictionary(
            uncheckedOffsets: Buffer(copying: offsets), bytes: Buffer(copying: bytes),
            count: entries.count)
    }
}
