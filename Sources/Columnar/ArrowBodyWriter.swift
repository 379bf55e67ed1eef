import CZstd

/// Collects the buffers of one message, each on a multiple of 64 bytes, and describes them.
///
/// The buffers are copied once, when the message is put together.
struct ArrowBodyWriter {
    let compression: ArrowCompression
    /// The bytes of the whole body, once it is finished.
    private(set) var byteCount = 0
    /// Length and null count of each column.
    private(set) var nodes: [(Int64, Int64)] = []
    /// Whether the buffers are in the form that may be compressed, once it is finished.
    private(set) var isCompressed = false
    /// Offset in the body and length of each buffer, once it is finished.
    private(set) var buffers: [(Int64, Int64)] = []
    /// What the body is made of, in order; each is followed by zeros up to the alignment.
    private var pieces: [Buffer] = []

    init(compression: ArrowCompression) { self.compression = compression }

    /// Copies the body to the end of some bytes.
    func write(to bytes: inout [UInt8]) {
        for piece in pieces {
            unsafe bytes.append(contentsOf: piece.unsafeBytes)
            bytes.append(contentsOf: repeatElement(0, count: Self.padding(piece.count)))
        }
    }

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

    private mutating func append(_ buffer: Buffer) { pieces.append(buffer) }

    /// Compresses what was appended and says where it will be.
    ///
    /// A body of small buffers alone stays as it is in memory.
    mutating func finish(_ workers: Workers) {
        if case .zstd(let level, let from) = compression,
            from == 0 || pieces.contains(where: { $0.count >= from })
        {
            let plain = pieces
            pieces = workers.map(plain.count) { index in
                let piece = plain[index]
                if piece.count == 0 { return piece }
                return piece.count < from
                    ? Self.prefixed(piece) : Self.compress(piece, level: level)
            }
            isCompressed = true
        }
        for piece in pieces {
            buffers.append((Int64(byteCount), Int64(piece.count)))
            byteCount += piece.count + Self.padding(piece.count)
        }
    }

    private static func padding(_ byteCount: Int) -> Int {
        -byteCount & (ArrowFormat.alignment - 1)
    }

    /// A compressed buffer is its length before compression (i64) and the zstd frame; -1 and the
    /// bytes as they are where zstd does not make them fewer.
    private static func compress(_ buffer: Buffer, level: Int) -> Buffer {
        let bound = ZSTD_compressBound(buffer.count)
        // Safe: both regions are as long as said, and as many bytes are written as are counted.
        let compressed = unsafe Buffer(capacity: 8 + bound) { output in
            let size = unsafe ZSTD_compress(
                output.baseAddress.map { unsafe $0 + 8 }, bound, buffer.unsafeBytes.baseAddress,
                buffer.count, Int32(clamping: level))
            precondition(ZSTD_isError(size) == 0, "zstd failed with room for the worst case")
            unsafe output.storeBytes(of: Int64(buffer.count).littleEndian, as: Int64.self)
            return 8 + size
        }
        return compressed.count < 8 + buffer.count ? compressed : prefixed(buffer)
    }

    /// The bytes as they are, behind the length that says so.
    private static func prefixed(_ buffer: Buffer) -> Buffer {
        // Safe: the region is as long as said, and all of it is written.
        unsafe Buffer(byteCount: 8 + buffer.count) { output in
            unsafe output.storeBytes(of: Int64(-1).littleEndian, as: Int64.self)
            unsafe UnsafeMutableRawBufferPointer(rebasing: output[8...])
                .copyMemory(from: buffer.unsafeBytes)
        }
    }
}

extension Column {
    /// A string or binary column whose dictionary holds just the entries that occur, in the order of the old
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
            type,
            uncheckedCodes: Buffer(of: Int32.self, count: count) { output in
                for row in codes.indices { output.append(translation[Int(codes[row])]) }
            }, dictionary: dictionary.gather(used), count: count, validity: validity)
    }
}
