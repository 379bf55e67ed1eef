import CXXHash
import Columnar

// A bloom filter in a file: BloomFilterHeader in Thrift's compact protocol (1 size in bytes,
// 2 algorithm, 3 hash, 4 compression, each a union whose only member is number 1), then blocks of
// eight words of 32 bits, low byte first. A value sets one bit in each word of one block: the high
// half of its XXH64 picks the block, the low half the bits (the format's "split block").

/// Which values a column chunk may hold: all it holds, and one in a hundred others.
struct BloomFilter {
    private var words: [UInt32]

    private static let wordsPerBlock = 8
    /// 32 bytes to 128 MiB, as other writers have it.
    private static let byteCountMax = 128 << 20
    /// With ten bits a value about one in a hundred foreign values passes.
    private static let bitsPerValue = 10

    private static let salts: InlineArray<8, UInt32> = [
        0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b,
        0x9efc_4947, 0x5c6b_fb31,
    ]

    /// An empty filter, sized for a number of distinct values.
    init(distinctCount: Int) {
        let wanted = min(Self.byteCountMax, max(32, distinctCount * Self.bitsPerValue / 8))
        var size = 32
        while size < wanted { size *= 2 }
        words = [UInt32](repeating: 0, count: size / 4)
    }

    mutating func insert(_ hash: UInt64) {
        let block = firstWord(hash)
        for index in 0..<Self.wordsPerBlock { words[block + index] |= Self.mask(hash, index) }
    }

    /// Whether a value of that hash may be there; if not, it is not.
    func mayContain(_ hash: UInt64) -> Bool {
        let block = firstWord(hash)
        return (0..<Self.wordsPerBlock).allSatisfy {
            words[block + $0] & Self.mask(hash, $0) != 0
        }
    }

    private func firstWord(_ hash: UInt64) -> Int {
        let blocks = UInt64(words.count / Self.wordsPerBlock)
        return Int(((hash >> 32) &* blocks) >> 32) * Self.wordsPerBlock
    }

    private static func mask(_ hash: UInt64, _ index: Int) -> UInt32 {
        1 << ((UInt32(truncatingIfNeeded: hash) &* salts[index]) >> 27)
    }

    /// The hash of a value's PLAIN bytes, without a length before them.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        unsafe XXH64(bytes.baseAddress, bytes.count, 0)
    }
}

extension BloomFilter {
    /// The filter of all values of a chunk; nil for booleans, which have none.
    init?(_ values: ChunkValues) {
        var hashes: Set<UInt64> = []
        func add(_ buffer: Buffer, width: Int) {
            for index in 0..<values.count {
                // Safe: the buffer holds `count` values of that width.
                let bytes = unsafe buffer.unsafeBytes[index * width..<(index + 1) * width]
                unsafe hashes.insert(Self.hash(UnsafeRawBufferPointer(rebasing: bytes)))
            }
        }
        switch values.storage {
        case .booleans: return nil
        case .int32s(let buffer): add(buffer, width: 4)
        case .int64s(let buffer), .doubles(let buffer): add(buffer, width: 8)
        case .fixed(let buffer): add(buffer, width: 16)
        case .strings(let strings):
            let codes = strings.codes.span(of: Int32.self)
            var isSeen = [Bool](repeating: false, count: strings.entries.count)
            for index in 0..<values.count where !isSeen[Int(codes[index])] {
                let code = Int(codes[index])
                isSeen[code] = true
                unsafe hashes.insert(Self.hash(strings.entries.unsafeBytes(at: code)))
            }
        }
        self.init(distinctCount: hashes.count)
        // In any order: bits are set, never cleared.
        for hash in hashes { insert(hash) }
    }

    /// The filter as a file has it.
    func encoded() -> [UInt8] {
        var bytes = ThriftWriter.encode { out in
            out.write(1, int32: Int32(words.count * 4))
            for field: Int16 in 2...4 { out.write(field) { $0.write(1) { _ in } } }
        }
        for word in words { bytes.append(littleEndian: word) }
        return bytes
    }

    /// Decodes a filter; nil for one of another kind than described above.
    init?(decoding cursor: ByteCursor) throws(ParquetError) {
        var input = ThriftReader(cursor)
        var size: Int32 = 0
        var isKnown = true
        try input.readStructure { input, field throws(ParquetError) in
            switch field.id {
            case 1: size = try input.readInt32(field)
            case 2...4 where field.type == .structure:
                try input.readStructure { _, member throws(ParquetError) in
                    isKnown = isKnown && member.id == 1
                    return false
                }
            default: return false
            }
            return true
        }
        let blockBytes = Self.wordsPerBlock * 4
        guard isKnown, size > 0, Int(size) % blockBytes == 0, Int(size) <= Self.byteCountMax else {
            return nil
        }
        let bytes = try input.cursor.read(count: Int(size))
        words = (0..<Int(size) / 4).map { index in
            // Safe: four bytes for each word were just cut off.
            unsafe UInt32(
                littleEndian: bytes.unsafeBytes.loadUnaligned(
                    fromByteOffset: index * 4, as: UInt32.self))
        }
    }
}
