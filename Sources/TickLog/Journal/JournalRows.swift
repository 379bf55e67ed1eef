import Columnar

// The rows of a frame, column by column in the order of the log's schema:
//
//     u8 form        bit 7: there are nulls; the others below
//     validity       only with nulls: a bit a row, the least first, in whole bytes
//     values         of the rows that are not null, in order:
//         boolean                       a bit each, the least first, in whole bytes
//         int, date, long, timestamp,   signed varints: the difference to the value before,
//           decimal to 18 digits        of the first to 0
//         decimal above 18 digits       16 bytes each, little endian
//         double, form 0                8 bytes each, little endian
//         double, form 1 + k            as the numbers above: the value times 10^k, which is whole
//         string, binary                a varint each: 2 n + 1, then n bytes, for what comes
//                                       first in this column of the frame; 2 i for the i-th of those again
//
// Everything is told by the frame alone. A tick of the market takes 15 to 30 bytes.

/// Writes and reads the rows of a journal's frames.
enum JournalRows {
    /// A double may be kept as a whole number of these parts: 10^k.
    private static let scales = [1.0, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
    private static let hasNulls: UInt8 = 0x80

    static func encode(_ batch: RecordBatch) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64 + 24 * batch.count)
        for column in batch.columns {
            let nulls = column.nullCount > 0
            let scale = column.type.layout == .float64 ? scale(of: column) : nil
            bytes.append((nulls ? hasNulls : 0) | UInt8(scale.map { $0 + 1 } ?? 0))
            if nulls, let validity = column.validity { append(validity, to: &bytes) }
            append(column, scale, to: &bytes)
        }
        return bytes
    }

    private static func append(_ bits: Bitmap, to bytes: inout [UInt8]) {
        let packed = bits.packed()
        unsafe bytes.append(contentsOf: packed.unsafeBytes)
    }

    private static func append(_ column: Column, _ scale: Int?, to bytes: inout [UInt8]) {
        var last: Int64 = 0
        func difference(_ value: Int64) {
            bytes.append(signedVarint: value &- last)
            last = value
        }
        switch column.type.layout {
        case .bits:
            let rows = (0..<column.count).filter { !column.isNull($0) }
            append(Bitmap(bitsFor: rows.count) { column.bits?[rows[$0]] ?? false }, to: &bytes)
        case .int32:
            let values = column.int32s
            for row in 0..<column.count where !column.isNull(row) { difference(Int64(values[row])) }
        case .int64:
            let values = column.int64s
            for row in 0..<column.count where !column.isNull(row) { difference(values[row]) }
        case .int128:
            let values = column.int128s
            for row in 0..<column.count where !column.isNull(row) {
                let bits = UInt128(bitPattern: values[row])
                bytes.append(little: UInt64(truncatingIfNeeded: bits))
                bytes.append(little: UInt64(truncatingIfNeeded: bits >> 64))
            }
        case .float64:
            let values = column.doubles
            for row in 0..<column.count where !column.isNull(row) {
                if let scale {
                    difference(Int64((values[row] * scales[scale]).rounded()))
                } else {
                    bytes.append(little: values[row].bitPattern)
                }
            }
        case .dictionary: appendStrings(column, to: &bytes)
        }
    }

    /// The least k for which all values times 10^k are whole numbers that give the values back,
    /// bit for bit; `nil` when there is none.
    private static func scale(of column: Column) -> Int? {
        let values = column.doubles
        var scale = 0
        for row in 0..<column.count where !column.isNull(row) {
            let value = values[row]
            while !isKept(value, scale) {
                scale += 1
                if scale == scales.count { return nil }
            }
        }
        // A value that a smaller scale keeps need not be kept by a larger one.
        for row in 0..<column.count where !column.isNull(row) {
            guard isKept(values[row], scale) else { return nil }
        }
        return scale
    }

    private static func isKept(_ value: Double, _ scale: Int) -> Bool {
        let whole = (value * scales[scale]).rounded()
        // Not NaN, infinities and numbers beyond 2^53; nor -0.0, which no integer stands for.
        guard abs(whole) < 0x1p53 else { return false }
        return (Double(Int64(whole)) / scales[scale]).bitPattern == value.bitPattern
    }

    private static func appendStrings(_ column: Column, to bytes: inout [UInt8]) {
        guard let dictionary = column.dictionary else {
            preconditionFailure("a string column has a dictionary")
        }
        let codes = column.int32s
        var numbers: [Int32: UInt64] = [:]
        for row in 0..<column.count where !column.isNull(row) {
            let code = codes[row]
            if let number = numbers[code] {
                bytes.append(varint: number << 1)
            } else {
                numbers[code] = UInt64(numbers.count)
                let entry = unsafe dictionary.unsafeBytes(at: Int(code))
                bytes.append(varint: UInt64(entry.count) << 1 | 1)
                unsafe bytes.append(contentsOf: entry)
            }
        }
    }

    // MARK: Reading

    /// Reads the rows of one frame and appends them to builders, one a column or `nil` for a
    /// column that is not wanted.
    static func decode(
        _ source: Buffer, _ range: Range<Int>, rowCount: Int, _ schema: Schema,
        into builders: inout [ColumnBuilder?]
    ) throws(SegmentFault) {
        var cursor = JournalCursor(source, range)
        for index in schema.fields.indices {
            let form = try cursor.byte()
            var valid = rowCount
            var validity: Bitmap?
            if form & hasNulls != 0 {
                let place = try cursor.bytes((rowCount + 7) / 8)
                let bits = Bitmap(source.slice(place), count: rowCount)
                valid = bits.setBitCount
                validity = bits
            }
            let column = JournalColumn(
                type: schema[index].type, form: form & ~hasNulls, rowCount: rowCount,
                validCount: valid, validity: validity)
            try column.read(&cursor, source, into: &builders[index])
        }
        guard cursor.isAtEnd else {
            throw SegmentFault("a frame is longer than its rows", at: cursor.position)
        }
    }

    /// The number of parts that a form of doubles stands for, or `nil` for whole doubles.
    static func parts(_ form: UInt8) throws(SegmentFault) -> Double? {
        guard form > 0 else { return nil }
        guard Int(form) <= scales.count else {
            throw SegmentFault("values in a form \(form) that is not known", at: 0)
        }
        return scales[Int(form) - 1]
    }
}

/// One column of a frame.
private struct JournalColumn {
    let type: DataType
    let form: UInt8
    let rowCount: Int
    let validCount: Int
    let validity: Bitmap?

    func read(
        _ cursor: inout JournalCursor, _ source: Buffer, into builder: inout ColumnBuilder?
    ) throws(SegmentFault) {
        var last: Int64 = 0
        switch type.layout {
        case .bits:
            let place = try cursor.bytes((validCount + 7) / 8)
            let bits = Bitmap(source.slice(place), count: validCount)
            var next = 0
            try rows(&builder) { (builder) throws(SegmentFault) in
                builder?.append(boolean: bits[next])
                next += 1
            }
        case .int32:
            try rows(&builder) { (builder) throws(SegmentFault) in
                last &+= try cursor.signedVarint()
                guard let value = Int32(exactly: last) else {
                    throw SegmentFault("a number of more than 32 bits", at: cursor.position)
                }
                builder?.append(int32: value)
            }
        case .int64:
            try rows(&builder) { (builder) throws(SegmentFault) in
                last &+= try cursor.signedVarint()
                builder?.append(int64: last)
            }
        case .int128:
            try rows(&builder) { (builder) throws(SegmentFault) in
                let low = UInt128(try cursor.fixed(UInt64.self))
                let high = UInt128(try cursor.fixed(UInt64.self))
                builder?.append(unscaled: Int128(bitPattern: high << 64 | low))
            }
        case .float64:
            let parts = try JournalRows.parts(form)
            try rows(&builder) { (builder) throws(SegmentFault) in
                if let parts {
                    last &+= try cursor.signedVarint()
                    builder?.append(double: Double(last) / parts)
                } else {
                    let bits = try cursor.fixed(UInt64.self)
                    builder?.append(double: Double(bitPattern: bits))
                }
            }
        case .dictionary: try readStrings(&cursor, source, into: &builder)
        }
    }

    private func readStrings(
        _ cursor: inout JournalCursor, _ source: Buffer, into builder: inout ColumnBuilder?
    ) throws(SegmentFault) {
        var known: [Range<Int>] = []
        try rows(&builder) { (builder) throws(SegmentFault) in
            let word = try cursor.varint()
            let place: Range<Int>
            if word & 1 == 1 {
                guard word >> 1 <= UInt64(cursor.left) else {
                    throw SegmentFault("a string beyond its frame", at: cursor.position)
                }
                place = try cursor.bytes(Int(word >> 1))
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: source.unsafeBytes[place])
                guard unsafe type != .string || isValidUTF8(bytes) else {
                    throw SegmentFault("a string that is not UTF-8", at: place.lowerBound)
                }
                known.append(place)
            } else {
                guard word >> 1 < UInt64(known.count) else {
                    throw SegmentFault("a string that was not there yet", at: cursor.position)
                }
                place = known[Int(word >> 1)]
            }
            // Safe: the place lies in the source; text was checked when it came first.
            unsafe builder?.append(
                uncheckedUTF8: UnsafeRawBufferPointer(rebasing: source.unsafeBytes[place]))
        }
    }

    /// Appends each row: a null, or what the work reads.
    private func rows(
        _ builder: inout ColumnBuilder?,
        _ read: (inout ColumnBuilder?) throws(SegmentFault) -> Void
    ) throws(SegmentFault) {
        guard let validity else {
            for _ in 0..<rowCount { try read(&builder) }
            return
        }
        for row in 0..<rowCount {
            if validity[row] { try read(&builder) } else { builder?.appendNull() }
        }
    }
}
