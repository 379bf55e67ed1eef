extension ArrowBodyReader {
    /// Strings or bytes as a dictionary-encoded column; `index` is the first buffer behind validity.
    mutating func strings(
        _ type: DataType, _ layout: ArrowType.BytesLayout, _ index: Int, dataBuffers: Int,
        _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        switch layout {
        case .offsets: try strings(type, index, Int32.self, validity)
        case .largeOffsets: try strings(type, index, Int64.self, validity)
        case .views: try views(type, index, dataBuffers: dataBuffers, validity)
        case .fixed(let length): try fixedLength(type, index, length: length, validity)
        }
    }

    /// Strings end to end behind offsets.
    private mutating func strings<Offset: FixedWidthInteger & BitwiseCopyable>(
        _ type: DataType, _ index: Int, _ offset: Offset.Type, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let offsetBuffer = try offsets(index, offset)
        let bytes = try buffer(index + 1)
        // At worst every string is distinct: codes, offsets, hashes, table and the bytes.
        try charge(rowCount * 40 + bytes.count)
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
        return try column(type, codes, interner, validity)
    }

    /// Strings of one length, end to end.
    private mutating func fixedLength(
        _ type: DataType, _ index: Int, length: Int, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let (byteCount, overflow) = rowCount.multipliedReportingOverflow(by: length)
        guard !overflow else { throw Self.invalidStrings }
        let bytes = try buffer(index, byteCount: byteCount, for: UInt8.self)
        try charge(rowCount * 40 + byteCount)
        let interner = StringInterner()
        let base = unsafe bytes.unsafeBytes
        let codes = try Buffer(of: Int32.self, count: rowCount) { (output) throws(ArrowError) in
            for row in 0..<rowCount {
                if let validity, !validity[row] {
                    output.append(0)
                } else {
                    // Safe: the buffer holds `length` bytes a row.
                    let string = unsafe UnsafeRawBufferPointer(
                        rebasing: base[row * length..<(row + 1) * length])
                    output.append(try unsafe intern(string, interner))
                }
            }
        }
        return try column(type, codes, interner, validity)
    }

    /// Strings of at most 12 bytes inside of 16-byte views, longer ones in data buffers.
    ///
    ///     i32 length, 12 bytes        i32 length, 4 bytes, i32 buffer, i32 offset
    private mutating func views(
        _ type: DataType, _ index: Int, dataBuffers: Int, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let views = try buffer(index, byteCount: rowCount * 16, for: UInt8.self)
        var data: [Buffer] = []
        for place in 0..<dataBuffers { data.append(try buffer(index + 1 + place)) }
        try charge(rowCount * 40)
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
        return try column(type, codes, interner, validity)
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
        try checkRoom(for: string.count, interner)
        return unsafe interner.intern(string)
    }

    /// The number of a string of ours.
    func intern(_ string: String, _ interner: StringInterner) throws(ArrowError) -> Int32 {
        try checkRoom(for: string.utf8.count, interner)
        return interner.intern(string)
    }

    private func checkRoom(
        for byteCount: Int, _ interner: StringInterner
    ) throws(ArrowError) {
        guard interner.byteCount + byteCount <= StringDictionary.byteCountMax else {
            throw ArrowError(.tooLarge, "more than 2 GiB of distinct strings in one batch")
        }
    }

    func column(
        _ type: DataType, _ codes: Buffer, _ interner: StringInterner, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        if interner.count == 0 { _ = interner.intern("") }
        let dictionary = interner.dictionary()
        // Each distinct string is checked once.
        guard
            let valid = StringDictionary(
                validatingOffsets: dictionary.offsets, bytes: dictionary.bytes,
                count: dictionary.count, isText: type == .string)
        else { throw Self.invalidStrings }
        // Safe: the interner gave every code; null rows have 0, which exists.
        return unsafe Column(
            type, uncheckedCodes: codes, dictionary: valid, count: rowCount, validity: validity)
    }

    /// Strings end to end behind offsets of 32 bits, as a dictionary with a place for each.
    mutating func strings(at index: Int, isText: Bool) throws(ArrowError) -> StringDictionary {
        let offsets = try offsets(index, Int32.self)
        let bytes = try buffer(index + 1)
        guard
            let strings = StringDictionary(
                validatingOffsets: offsets, bytes: bytes, count: rowCount, isText: isText)
        else { throw Self.invalidStrings }
        return strings
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
