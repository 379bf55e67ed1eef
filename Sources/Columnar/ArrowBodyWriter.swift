import CZstd

/// Collects the buffers of one message, each on a multiple of 64 bytes, and describes them.
struct ArrowBodyWriter {
    let compression: ArrowCompression
    private(set) var bytes: [UInt8] = []
    /// Length and null count of each column.
    private(set) var nodes: [(Int64, Int64)] = []
    /// Offset in the body and length of each buffer.
    private(set) var buffers: [(Int64, Int64)] = []

    init(compression: ArrowCompression) { self.compression = compression }

    mutating func append(_ column: Column) {
        nodes.append((Int64(column.count), Int64(column.nullCount)))
        append(column.validity.map { $0.packed() } ?? .empty)
        switch column.type.layout {
        case .bits:
            append((column.bits ?? Bitmap([])).packed())
        case .int32, .dictionary, .float64, .int128:
            append(column.values.slice(0..<column.count * column.type.byteWidth))
        case .int64:
            if case .decimal = column.type {
                // Arrow's decimals have 16 bytes from the start.
                let narrow = column.int64s
                append(
                    Buffer(of: Int128.self, count: column.count) { output in
                        for row in narrow.indices { output.append(Int128(narrow[row])) }
                    })
            } else {
                append(column.values.slice(0..<column.count * 8))
            }
        }
    }

    mutating func append(_ dictionary: StringDictionary) {
        nodes.append((Int64(dictionary.count), 0))
        append(.empty)
        append(dictionary.offsets.slice(0..<(dictionary.count + 1) * 4))
        let end = Int(dictionary.offsets.span(of: Int32.self)[dictionary.count])
        append(dictionary.bytes.slice(0..<end))
    }

    private mutating func append(_ buffer: Buffer) {
        let start = bytes.count
        switch compression {
        case .none:
            unsafe bytes.append(contentsOf: buffer.unsafeBytes)
        case .zstd(let level):
            if buffer.count > 0 { appendCompressed(buffer, level: level) }
        }
        buffers.append((Int64(start), Int64(bytes.count - start)))
        let padding = -bytes.count & (ArrowFormat.alignment - 1)
        bytes.append(contentsOf: repeatElement(0, count: padding))
    }

    /// A compressed buffer is its length before compression (i64) and the zstd frame; -1 and the
    /// bytes as they are where zstd does not make them fewer.
    private mutating func appendCompressed(_ buffer: Buffer, level: Int) {
        let bound = ZSTD_compressBound(buffer.count)
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            // Safe: both regions are as long as said.
            let size = unsafe ZSTD_compress(
                output.baseAddress, bound, buffer.unsafeBytes.baseAddress, buffer.count,
                Int32(clamping: level))
            precondition(ZSTD_isError(size) == 0, "zstd failed with room for the worst case")
            count = size
        }
        let shrinks = frame.count < buffer.count
        let length = UInt64(bitPattern: shrinks ? Int64(buffer.count) : -1)
        for byte in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: length >> (8 * byte))) }
        if shrinks { bytes += frame } else { unsafe bytes.append(contentsOf: buffer.unsafeBytes) }
    }
}

extension Column {
    /// A string column whose dictionary holds just the entries that occur, in the order of the old
    /// one; the same column where that is so already.
    ///
    /// Bytes end where the last entry ends.
    func withUsedEntries() -> Column {
        guard let dictionary else { return self }
        var translation = [Int32](repeating: -1, count: dictionary.count)
        let codes = int32s
        for row in codes.indices { translation[Int(codes[row])] = 0 }
        var used: [Int32] = []
        for code in translation.indices where translation[code] == 0 {
            translation[code] = Int32(used.count)
            used.append(Int32(code))
        }
        if used.count == dictionary.count, dictionary.count > 0,
            dictionary.offsets.span(of: Int32.self)[0] == 0
        {
            return self
        }
        // Safe: every code was translated to an index of `used`.
        return unsafe Column(
            uncheckedCodes: Buffer(of: Int32.self, count: count) { output in
                for row in codes.indices { output.append(translation[Int(codes[row])]) }
            }, dictionary: dictionary.gather(used), count: count, validity: validity)
    }
}

extension StringDictionary {
    /// The entries at `indices`, in that order, in memory of their own.
    func gather(_ indices: [Int32]) -> StringDictionary {
        var gathered: [UInt8] = []
        var ends: [Int32] = [0]
        ends.reserveCapacity(indices.count + 1)
        for index in indices {
            unsafe gathered.append(contentsOf: unsafeBytes(at: Int(index)))
            ends.append(Int32(gathered.count))
        }
        // Safe: whole entries of a valid dictionary, no more bytes than it has.
        return unsafe StringDictionary(
            uncheckedOffsets: Buffer(copying: ends), bytes: Buffer(copying: gathered),
            count: indices.count)
    }
}
