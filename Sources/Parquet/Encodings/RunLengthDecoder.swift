import Columnar

/// Values of the RLE / bit-packing hybrid, some at a time; the layout is in RunLengthEncoder.swift.
struct RunLengthDecoder {
    private var cursor: ByteCursor
    private let width: Int
    private var runLeft = 0
    private var runValue: UInt32 = 0
    /// The bytes of the packed run that is being read, and the next bit in them.
    private var packed: Buffer?
    private var bit = 0

    /// `width` is the number of bits of a value, 0…32.
    init(_ cursor: ByteCursor, width: Int) throws(ParquetError) {
        guard (0...32).contains(width) else { throw cursor.damaged("\(width) bits a code") }
        self.cursor = cursor
        self.width = width
    }

    /// The next `count` values.
    mutating func next(
        _ count: Int, into output: UnsafeMutablePointer<UInt32>
    ) throws(ParquetError) {
        var filled = 0
        while filled < count {
            if runLeft == 0 { try readHead() }
            let taken = min(runLeft, count - filled)
            if let packed {
                try checkPacked(packed, taken)
                unsafe unpackBits(
                    packed.unsafeBytes, from: bit, width: width, count: taken,
                    into: output + filled)
                bit += taken * width
            } else {
                unsafe (output + filled).initialize(repeating: runValue, count: taken)
            }
            filled += taken
            runLeft -= taken
        }
    }

    /// The next `count` values of one bit as bits.
    mutating func nextBits(_ count: Int, into output: inout BitBuilder) throws(ParquetError) {
        precondition(width == 1, "bits are values of one bit")
        var filled = 0
        while filled < count {
            if runLeft == 0 { try readHead() }
            let taken = min(runLeft, count - filled)
            if let packed {
                try checkPacked(packed, taken)
                output.append(Bitmap(packed, bitOffset: bit, count: taken))
                bit += taken
            } else {
                output.append(repeating: runValue == 1, count: taken)
            }
            filled += taken
            runLeft -= taken
        }
    }

    private mutating func readHead() throws(ParquetError) {
        let header = try cursor.readVarint()
        guard let half = Int(exactly: header >> 1), half > 0 else {
            throw cursor.damaged("a run without values")
        }
        if header & 1 == 0 {
            runValue = try readRunValue()
            runLeft = half
            packed = nil
            return
        }
        let (count, overflow) = half.multipliedReportingOverflow(by: 8)
        guard !overflow else { throw cursor.damaged("a packed run of \(half) groups") }
        // Some writers cut the bytes of the last group short.
        let (bytes, isHuge) = half.multipliedReportingOverflow(by: width)
        packed =
            isHuge || bytes > cursor.remaining
            ? cursor.readRest() : try cursor.read(count: bytes)
        runLeft = count
        bit = 0
    }

    private func checkPacked(_ packed: Buffer, _ count: Int) throws(ParquetError) {
        // Safe: `count` is at most a page's rows and `width` at most 32.
        guard bit + count * width <= packed.count * 8 else {
            throw cursor.damaged("a packed run reaches past its page")
        }
    }

    private mutating func readRunValue() throws(ParquetError) -> UInt32 {
        var value: UInt32 = 0
        for place in 0..<(width + 7) / 8 {
            value |= UInt32(try cursor.readByte()) << UInt32(place * 8)
        }
        guard width == 32 || value >> UInt32(width) == 0 else {
            throw cursor.damaged("a run's value has more than \(width) bits")
        }
        return value
    }
}
