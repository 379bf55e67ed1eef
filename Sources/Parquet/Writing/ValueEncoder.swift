import Columnar

extension ChunkValues {
    /// The encodings that may be chosen for these values, the simplest first.
    var candidates: [ParquetEncoding] {
        switch storage {
        case .booleans: [.plain, .rle]
        case .int32s, .int64s: [.plain, .dictionary, .deltaBinaryPacked]
        case .doubles: [.plain, .dictionary, .byteStreamSplit]
        case .fixed: [.plain, .dictionary]
        case .strings: [.plain, .dictionary, .deltaLengthByteArray]
        }
    }

    /// Appends the values `range` as the body of a page.
    ///
    /// The encoding is one of `candidates`; the dictionary is there when it is `.dictionary`.
    func encode(
        _ range: Range<Int>, as encoding: ParquetEncoding, _ dictionary: ValueDictionary?,
        into out: inout [UInt8]
    ) {
        switch (storage, encoding) {
        case (_, .dictionary):
            guard let dictionary else { preconditionFailure("dictionary codes need a dictionary") }
            out.append(UInt8(dictionary.codeWidth))
            unsafe dictionary.codes.withUnsafeBufferPointer { codes in
                unsafe encodeRunLength(
                    UnsafeBufferPointer(rebasing: codes[range]), width: dictionary.codeWidth,
                    into: &out)
            }
        case (.booleans(let bits), .plain):
            let packed = bits.slice(range).packed()
            // The buffer is a new one: it must outlive the pointer.
            withExtendedLifetime(packed) { unsafe out.append(raw: packed.unsafeBytes) }
        case (.booleans(let bits), .rle):
            var runs: [UInt8] = []
            encodeRunLength(bits.slice(range), into: &runs)
            out.append(littleEndian: UInt32(runs.count))
            out.append(contentsOf: runs)
        case (.int32s(let buffer), .plain): out.append(values: buffer, range, width: 4)
        case (.int64s(let buffer), .plain): out.append(values: buffer, range, width: 8)
        case (.doubles(let buffer), .plain): out.append(values: buffer, range, width: 8)
        case (.fixed(let buffer), .plain): out.append(values: buffer, range, width: 16)
        case (.int32s(let buffer), .deltaBinaryPacked):
            unsafe encodeDelta(buffer.values(range, as: Int32.self), into: &out)
        case (.int64s(let buffer), .deltaBinaryPacked):
            unsafe encodeDelta(buffer.values(range, as: Int64.self), into: &out)
        case (.doubles(let buffer), .byteStreamSplit):
            guard !range.isEmpty else { return }
            unsafe out.append(upTo: range.count * 8) { output in
                let input = unsafe buffer.unsafeBytes[range.lowerBound * 8..<range.upperBound * 8]
                // Safe: the range is not empty and lies inside the values.
                guard let base = unsafe UnsafeRawBufferPointer(rebasing: input).baseAddress else {
                    return 0
                }
                unsafe splitBytes(base, count: range.count, into: output)
                return range.count * 8
            }
        case (.strings(let strings), .plain): strings.encodePlain(range, into: &out)
        case (.strings(let strings), .deltaLengthByteArray):
            strings.encodeDeltaLength(range, into: &out)
        default: preconditionFailure("\(encoding) does not fit the type")
        }
    }
}

extension ChunkValues.StringValues {
    fileprivate func encodePlain(_ range: Range<Int>, into out: inout [UInt8]) {
        unsafe encode(range, headBytes: 4, into: &out) { length, output in
            unsafe output.storeBytes(of: UInt32(length).littleEndian, as: UInt32.self)
        }
    }

    fileprivate func encodeDeltaLength(_ range: Range<Int>, into out: inout [UInt8]) {
        let codes = codes.span(of: Int32.self)
        let lengths = range.map { Int32(entries.range(at: Int(codes[$0])).count) }
        unsafe lengths.withUnsafeBufferPointer { unsafe encodeDelta($0, into: &out) }
        unsafe encode(range, headBytes: 0, into: &out) { _, _ in }
    }

    /// Appends strings end to end, each behind as many bytes that `head` writes.
    @inline(__always)
    private func encode(
        _ range: Range<Int>, headBytes: Int, into out: inout [UInt8],
        _ head: (_ length: Int, _ output: UnsafeMutableRawPointer) -> Void
    ) {
        let codes = codes.span(of: Int32.self)
        let source = unsafe entries.bytes.unsafeBytes
        let total = range.count * headBytes + byteCount(range)
        unsafe out.append(upTo: total) { output in
            var position = 0
            for index in range {
                let string = entries.range(at: Int(codes[index]))
                // Safe: there is room for all heads and strings, and strings lie in `source`.
                unsafe head(string.count, output + position)
                position += headBytes
                if string.count <= 8, string.lowerBound + 8 <= source.count, position + 8 <= total {
                    // A word that reaches past the string into what is written next.
                    unsafe (output + position).storeBytes(
                        of: source.loadUnaligned(
                            fromByteOffset: string.lowerBound, as: UInt64.self), as: UInt64.self)
                } else if let base = source.baseAddress {
                    unsafe (output + position).copyMemory(
                        from: base + string.lowerBound, byteCount: string.count)
                }
                position += string.count
            }
            return position
        }
    }

    /// Bytes that the strings of some values take.
    func byteCount(_ range: Range<Int>) -> Int {
        let codes = codes.span(of: Int32.self)
        var total = 0
        for index in range { total += entries.range(at: Int(codes[index])).count }
        return total
    }
}

extension [UInt8] {
    /// A string as PLAIN has it: length and bytes.
    mutating func append(plain string: UnsafeRawBufferPointer) {
        append(littleEndian: UInt32(string.count))
        unsafe append(raw: string)
    }

    fileprivate mutating func append(values buffer: Buffer, _ range: Range<Int>, width: Int) {
        let bytes = unsafe buffer.unsafeBytes[range.lowerBound * width..<range.upperBound * width]
        unsafe append(raw: UnsafeRawBufferPointer(rebasing: bytes))
    }
}

extension Buffer {
    /// The values `range` for kernels that work on pointers.
    @unsafe
    func values<T: BitwiseCopyable>(_ range: Range<Int>, as type: T.Type) -> UnsafeBufferPointer<T>
    {
        let width = MemoryLayout<T>.stride
        precondition(
            range.lowerBound >= 0 && range.upperBound * width <= count, "values past the buffer")
        let bytes = unsafe UnsafeRawBufferPointer(
            rebasing: unsafeBytes[range.lowerBound * width..<range.upperBound * width])
        return unsafe bytes.assumingMemoryBound(to: T.self)
    }
}
