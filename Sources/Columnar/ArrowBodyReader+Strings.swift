extension ArrowBodyReader {
    /// The values of a dictionary message.
    mutating func dictionary(_ type: ArrowType) throws(ArrowError) -> ArrowDictionaries.Entry {
        guard let node = nodes.first, nodes.count == 1, node.0 == Int64(rowCount),
            node.1 >= 0, node.1 <= node.0
        else {
            throw ArrowError(.malformed, "a dictionary is one column of values")
        }
        var validity: Bitmap?
        if node.1 > 0 {
            let bits = try buffer(0, byteCount: (rowCount + 7) / 8, for: UInt8.self)
            validity = Bitmap(bits, count: rowCount)
        }
        switch type {
        case .utf8:
            let offsets = try offsets(1, Int32.self)
            let bytes = try buffer(2)
            guard
                let strings = StringDictionary(
                    validatingOffsets: offsets, bytes: bytes, count: rowCount)
            else { throw Self.invalidStrings }
            return ArrowDictionaries.Entry(strings: strings, validity: validity)
        default:
            let column: Column =
                if type == .largeUtf8 {
                    try strings(1, Int64.self, validity)
                } else {
                    try views(1, dataBuffers: max(0, bufferCount - 2), validity)
                }
            // Values that repeat share an entry in the column; the dictionary needs them in place.
            guard let entries = column.dictionary else { throw Self.invalidStrings }
            let codes = column.int32s
            return ArrowDictionaries.Entry(
                strings: entries.gather(codes.indices.map { codes[$0] }), validity: validity)
        }
    }

    /// Codes from outside and what they mean as a column.
    func coded(
        _ codes: Buffer, _ entry: ArrowDictionaries.Entry?, _ field: ArrowField,
        validity: Bitmap?
    ) throws(ArrowError) -> Column {
        // Without a dictionary message, only nulls make sense.
        let strings = entry?.strings ?? StringDictionary([])
        guard
            let column = Column(
                validatingCodes: codes, dictionary: strings, count: rowCount, validity: validity)
        else {
            throw ArrowError(.malformed, "an index points outside of the dictionary")
        }
        guard let known = entry?.validity else { return column }
        // A null in the dictionary is a null in the column.
        let values = column.int32s
        var bits = [Bool](repeating: true, count: rowCount)
        for row in values.indices { bits[row] = !column.isNull(row) && known[Int(values[row])] }
        let combined = Bitmap(bits)
        guard field.isNullable || combined.setBitCount == rowCount else {
            throw ArrowError(.malformed, "nulls in a column that is NOT NULL")
        }
        return column.withValidity(combined)
    }

    /// Strings end to end behind offsets, as a dictionary-encoded column.
    mutating func strings<Offset: FixedWidthInteger & BitwiseCopyable>(
        _ index: Int, _ offset: Offset.Type, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let offsetBuffer = try offsets(index, offset)
        let bytes = try buffer(index + 1)
        // At worst every string is distinct: codes, offsets, hashes, table and the bytes.
        try charge(rowCount * 32 + bytes.count)
        let positions = offsetBuffer.span(of: Offset.self)
        let limit = Offset(clamping: bytes.count)
        let interner = StringInterner()
        let base = unsafe bytes.unsafeBytes
        var last = positions[0]
        guard last >= 0 else { throw Self.invalidStrings }
        let codes = try Buffer(of: Int32.self, count: rowCount) { (output) throws(ArrowError) in
            for row in 0..<rowCount {
                let next = positions[row + 1]
                guard next >= last, next <= limit else { throw Self.invalidStrings }
                if let validity, !validity[row] {
                    output.append(0)
                } else {
                    // Safe: 0 <= last <= next <= bytes.count; the interner copies at most 2 GiB.
                    let string = unsafe UnsafeRawBufferPointer(
                        rebasing: base[Int(last)..<Int(next)])
                    output.append(try unsafe intern(string, interner))
                }
                last = next
            }
        }
        return try column(codes, interner, validity)
    }

    /// Strings of at most 12 bytes inside of 16-byte views, longer ones in data buffers.
    ///
    ///     i32 length, 12 bytes        i32 length, 4 bytes, i32 buffer, i32 offset
    mutating func views(
        _ index: Int, dataBuffers: Int, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let views = try buffer(index, byteCount: rowCount * 16, for: UInt8.self)
        var data: [Buffer] = []
        for place in 0..<dataBuffers { data.append(try buffer(index + 1 + place)) }
        try charge(rowCount * 32)
        let interner = StringInterner()
        let base = unsafe views.unsafeBytes
        var stringBytes = 0
        let codes = try Buffer(of: Int32.self, count: rowCount) { (output) throws(ArrowError) in
            for row in 0..<rowCount {
                if let validity, !validity[row] {
                    output.append(0)
                    continue
                }
                // Safe: `views` holds 16 bytes a row.
                let view = unsafe UnsafeRawBufferPointer(
                    rebasing: base[row * 16..<row * 16 + 16])
                let string = try unsafe Self.string(of: view, in: data)
                // Views may share bytes: each distinct string is charged as it is copied.
                let known = interner.byteCount
                output.append(try unsafe intern(string, interner))
                stringBytes += interner.byteCount - known
                if stringBytes > 1 << 20 {
                    try charge(stringBytes)
                    stringBytes = 0
                }
            }
        }
        return try column(codes, interner, validity)
    }

    private static func string(
        of view: UnsafeRawBufferPointer, in data: [Buffer]
    ) throws(ArrowError) -> UnsafeRawBufferPointer {
        let length = unsafe Int(Int32(littleEndian: view.loadUnaligned(as: Int32.self)))
        guard length >= 0 else { throw invalidStrings }
        if length <= 12 { return unsafe UnsafeRawBufferPointer(rebasing: view[4..<4 + length]) }
        let buffer = unsafe Int(
            Int32(littleEndian: view.loadUnaligned(fromByteOffset: 8, as: Int32.self)))
        let offset = unsafe Int(
            Int32(littleEndian: view.loadUnaligned(fromByteOffset: 12, as: Int32.self)))
        guard data.indices.contains(buffer), offset >= 0, offset + length <= data[buffer].count
        else { throw invalidStrings }
        // Safe: the guard has checked the range; `data` keeps the buffer alive.
        return unsafe UnsafeRawBufferPointer(
            rebasing: data[buffer].unsafeBytes[offset..<offset + length])
    }

    private func intern(
        _ string: UnsafeRawBufferPointer, _ interner: StringInterner
    ) throws(ArrowError) -> Int32 {
        guard interner.byteCount + string.count <= Int(Int32.max) else {
            throw ArrowError(.tooLarge, "more than 2 GiB of distinct strings in one batch")
        }
        return unsafe interner.intern(string)
    }

    private func column(
        _ codes: Buffer, _ interner: StringInterner, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        if interner.count == 0 { _ = interner.intern("") }
        let dictionary = interner.dictionary()
        // Each distinct string is checked once.
        guard
            let valid = StringDictionary(
                validatingOffsets: dictionary.offsets, bytes: dictionary.bytes,
                count: dictionary.count)
        else { throw Self.invalidStrings }
        // Safe: the interner gave every code; null rows have 0, which exists.
        return unsafe Column(
            uncheckedCodes: codes, dictionary: valid, count: rowCount, validity: validity)
    }

    /// The offsets of `rowCount` strings.
    ///
    /// A column without rows may have none at all.
    private mutating func offsets<Offset: FixedWidthInteger & BitwiseCopyable>(
        _ index: Int, _ type: Offset.Type
    ) throws(ArrowError) -> Buffer {
        if rowCount == 0, try buffer(index).count == 0 {
            return Buffer(copying: [Offset.zero])
        }
        return try buffer(
            index, byteCount: (rowCount + 1) * MemoryLayout<Offset>.stride, for: type)
    }

    private static var invalidStrings: ArrowError {
        ArrowError(.malformed, "strings that are not UTF-8 or lie outside of their buffer")
    }
}
