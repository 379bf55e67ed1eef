import Columnar

/// DELTA_BINARY_PACKED values, some at a time; the layout is in DeltaEncoder.swift.
struct DeltaDecoder<T: FixedWidthInteger & SignedInteger & BitwiseCopyable> {
    /// Where the bytes after the last block read begin.
    private(set) var cursor: ByteCursor
    /// How many values there are.
    let count: Int
    private let miniblocks: Int
    private let size: Int
    private var left: Int
    private var last: T
    private var isFirst = true
    private var smallest: T = 0
    private var widths: Buffer = .empty
    private var miniblock: Int
    /// The differences of the miniblock that is being read, packed.
    private var packed: Buffer = .empty
    private var width = 0
    private var place: Int

    init(_ start: ByteCursor) throws(ParquetError) {
        cursor = start
        let blockSize = try cursor.readCount()
        miniblocks = try cursor.readCount()
        count = try cursor.readCount()
        guard (1...1 << 20).contains(blockSize), (1...1024).contains(miniblocks),
            blockSize % miniblocks == 0, blockSize / miniblocks % 8 == 0
        else {
            throw cursor.damaged("differences in blocks of \(blockSize) in \(miniblocks) parts")
        }
        size = blockSize / miniblocks
        last = T(truncatingIfNeeded: try cursor.readZigzag())
        left = count
        // As at the end of a block.
        miniblock = miniblocks
        place = size
    }

    /// The next `wanted` values.
    mutating func next(
        _ wanted: Int, into output: UnsafeMutablePointer<T>
    ) throws(ParquetError) {
        guard wanted <= left else { throw cursor.damaged("fewer differences than values") }
        var filled = 0
        if isFirst && wanted > 0 {
            isFirst = false
            unsafe output.initialize(to: last)
            filled = 1
        }
        while filled < wanted {
            if place == size { try readMiniblock() }
            let taken = min(wanted - filled, size - place)
            unsafe unpack(taken, into: output + filled)
            filled += taken
            place += taken
        }
        left -= wanted
    }

    private mutating func unpack(_ taken: Int, into output: UnsafeMutablePointer<T>) {
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: taken) { scratch in
            guard let base = scratch.baseAddress else { return }
            // Safe: `packed` has `size` differences, of which `place + taken` are at most read.
            unsafe unpackBits(
                packed.unsafeBytes, from: place * width, width: width, count: taken, into: base)
            for index in 0..<taken {
                last = unsafe last &+ smallest &+ T(truncatingIfNeeded: base[index])
                unsafe (output + index).initialize(to: last)
            }
        }
    }

    private mutating func readMiniblock() throws(ParquetError) {
        if miniblock == miniblocks {
            smallest = T(truncatingIfNeeded: try cursor.readZigzag())
            widths = try cursor.read(count: miniblocks)
            miniblock = 0
        }
        // Safe: one width a miniblock was just read.
        width = Int(unsafe widths.unsafeBytes[miniblock])
        // DuckDB has differences of 33 bits between numbers of 32: only their low bits count.
        guard width <= 64 else { throw cursor.damaged("a difference of \(width) bits") }
        packed = try cursor.read(count: size * width / 8)
        miniblock += 1
        place = 0
    }
}

extension ByteCursor {
    /// Reads all of some lengths, of which there must be `count`, and goes on behind them.
    mutating func readLengths(count: Int, _ budget: ReadBudget) throws(ParquetError) -> [Int32] {
        var decoder = try DeltaDecoder<Int32>(self)
        guard decoder.count == count else {
            throw damaged("\(decoder.count) lengths where \(count) values are announced")
        }
        try budget.charge(count, of: 4, "the lengths of a page")
        var failure: ParquetError?
        let lengths = unsafe [Int32](unsafeUninitializedCapacity: count) { output, initialized in
            guard let base = output.baseAddress else { return }
            do throws(ParquetError) {
                try unsafe decoder.next(count, into: base)
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        self = decoder.cursor
        return lengths
    }
}
