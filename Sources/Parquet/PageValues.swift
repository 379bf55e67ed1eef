import Columnar

/// A number whose PLAIN form is its own bytes, low byte first.
protocol PlainNumber: BitwiseCopyable {}

extension Int32: PlainNumber {}
extension Int64: PlainNumber {}
extension Float: PlainNumber {}
extension Double: PlainNumber {}

extension ByteCursor {
    /// `count` numbers end to end.
    mutating func readPlain<T: PlainNumber>(_ type: T.Type, count: Int) throws(ParquetError) -> [T]
    {
        let bytes = try read(count: try byteCount(count, MemoryLayout<T>.size))
        return unsafe [T](unsafeUninitializedCapacity: count) { output, initialized in
            // Safe: both sides have `count` numbers; any bits are one.
            unsafe UnsafeMutableRawBufferPointer(output).copyMemory(from: bytes.unsafeBytes)
            initialized = count
        }
    }

    /// `count` numbers, byte by byte in streams.
    mutating func readSplit<T: PlainNumber>(_ type: T.Type, count: Int) throws(ParquetError) -> [T]
    {
        let width = MemoryLayout<T>.size
        let bytes = try read(count: try byteCount(count, width))
        return unsafe [T](unsafeUninitializedCapacity: count) { output, initialized in
            guard count > 0, let base = output.baseAddress,
                let input = unsafe bytes.unsafeBytes.baseAddress
            else { return }
            // Safe: both sides have `count` numbers of `width` bytes.
            let memory = UnsafeMutableRawPointer(base)
            if width == 8 {
                unsafe joinBytes(input, count: count, into: memory)
            } else {
                for index in 0..<count {
                    for stream in 0..<width {
                        let byte = unsafe input.load(
                            fromByteOffset: stream * count + index, as: UInt8.self)
                        unsafe memory.storeBytes(
                            of: byte, toByteOffset: index * width + stream, as: UInt8.self)
                    }
                }
            }
            initialized = count
        }
    }

    /// `count` integers as differences.
    mutating func readDifferences<T: PlainNumber>(
        _ type: T.Type, count: Int
    ) throws(ParquetError) -> [T] {
        if let values = try T.self == Int64.self
            ? readDelta(Int64.self, count: count) as? [T]
            : T.self == Int32.self ? readDelta(Int32.self, count: count) as? [T] : nil
        {
            return values
        }
        throw damaged("differences in a column that has no integers")
    }

    /// `count` decimals of `length` bytes, high byte first, two's complement.
    mutating func readBigEndian(count: Int, length: Int) throws(ParquetError) -> [Int128] {
        let bytes = try read(count: try byteCount(count, length))
        let input = unsafe bytes.unsafeBytes
        return (0..<count).map { index in
            // Safe: count * length bytes were just cut off, and length is 1…16.
            var value: Int128 = unsafe input[index * length] & 0x80 == 0 ? 0 : -1
            for place in 0..<length {
                value = unsafe value << 8 | Int128(input[index * length + place])
            }
            return value
        }
    }

    /// `count` codes, each below `entryCount`, with their width before them.
    mutating func readCodes(count: Int, entryCount: Int) throws(ParquetError) -> [UInt32] {
        // A page without values may have no bytes.
        if count == 0 { return [] }
        let width = Int(try readByte())
        let codes = try readRunLength(width: width, count: count)
        var largest: UInt32 = 0
        for code in codes { largest = max(largest, code) }
        guard largest < entryCount else {
            throw damaged("code \(largest) in a dictionary of \(entryCount) entries")
        }
        return codes
    }

    private func byteCount(_ count: Int, _ width: Int) throws(ParquetError) -> Int {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow, count >= 0 else { throw damaged("a count is out of range") }
        return bytes
    }
}

// MARK: Strings, each as the number an interner gave it

extension ByteCursor {
    /// Strings with their length before them.
    mutating func readPlainStrings(
        count: Int, into interner: StringInterner
    ) throws(ParquetError) -> [Int32] {
        var codes: [Int32] = []
        // A string takes four bytes at least.
        codes.reserveCapacity(min(count, remaining / 4))
        for _ in 0..<count {
            let length = Int(try readUInt32())
            codes.append(try readString(length: length, into: interner))
        }
        return codes
    }

    /// All lengths, then all bytes.
    mutating func readDeltaLengthStrings(
        count: Int, into interner: StringInterner
    ) throws(ParquetError) -> [Int32] {
        var codes: [Int32] = []
        codes.reserveCapacity(count)
        for length in try readDelta(Int32.self, count: count) {
            codes.append(try readString(length: Int(length), into: interner))
        }
        return codes
    }

    /// Lengths of the prefix shared with the string before, then the suffixes.
    mutating func readDeltaStrings(
        count: Int, into interner: StringInterner
    ) throws(ParquetError) -> [Int32] {
        let prefixes = try readDelta(Int32.self, count: count)
        let lengths = try readDelta(Int32.self, count: count)
        var codes: [Int32] = []
        codes.reserveCapacity(count)
        var string: [UInt8] = []
        // What prefixes may add up to: they cost no bytes of the page.
        var budget = expansionMax
        for index in 0..<count {
            let prefix = Int(prefixes[index])
            guard prefix >= 0, prefix <= string.count, prefix <= budget else {
                throw damaged("a shared prefix is longer than the string before")
            }
            budget -= prefix
            string.removeLast(string.count - prefix)
            unsafe string.append(
                raw: try read(count: Int(lengths[index])).unsafeBytes)
            let copy = Buffer(copying: string)
            codes.append(try intern(copy, into: interner))
        }
        return codes
    }

    private var expansionMax: Int { 8 * buffer.count + (64 << 20) }

    private mutating func readString(
        length: Int, into interner: StringInterner
    ) throws(ParquetError) -> Int32 {
        try intern(try read(count: length), into: interner)
    }

    private func intern(
        _ string: Buffer, into interner: StringInterner
    ) throws(ParquetError) -> Int32 {
        guard unsafe isValidUTF8(string.unsafeBytes) else {
            throw damaged("a string is not UTF-8")
        }
        guard interner.byteCount <= Int(Int32.max) - string.count else {
            throw ParquetError(.tooLarge, "a row group has more than 2 GiB of distinct strings")
        }
        return unsafe interner.intern(string.unsafeBytes)
    }
}
