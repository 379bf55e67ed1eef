import Columnar

/// A type that lies in a column's values buffer.
protocol LaneValue: BitwiseCopyable {
    static var zero: Self { get }
    init?(_ value: Value)
}

extension Int32: LaneValue {
    init?(_ value: Value) {
        switch value {
        case .int(let value), .date(let value): self = value
        default: return nil
        }
    }
}

extension Int64: LaneValue {
    init?(_ value: Value) {
        switch value {
        case .long(let value), .timestamp(let value): self = value
        case .decimal(let unscaled, _): self = Int64(truncatingIfNeeded: unscaled)
        default: return nil
        }
    }
}

extension Int128: LaneValue {
    init?(_ value: Value) {
        guard case .decimal(let unscaled, _) = value else { return nil }
        self = unscaled
    }
}

extension Double: LaneValue {
    init?(_ value: Value) {
        guard case .double(let value) = value else { return nil }
        self = value
    }
}

/// One operand of a kernel: a value a row, or one value for all rows.
struct Lane<T: LaneValue> {
    let buffer: Buffer?
    let constant: T

    init(_ operand: Operand) {
        switch operand {
        case .column(let column):
            precondition(
                column.type.byteWidth == MemoryLayout<T>.stride, "a lane of the column's layout")
            buffer = column.values
            constant = .zero
        case .constant(let value):
            guard let value = T(value) else {
                preconditionFailure("the binder gives kernels constants of their type")
            }
            buffer = nil
            constant = value
        }
    }

    init(buffer: Buffer) {
        self.buffer = buffer
        constant = .zero
    }
}

/// Fills a buffer with `body(row)`, which also says whether the row failed; the failed rows are
/// looked for only when there is one, because most batches have none.
@inline(__always)
func fill<R: BitwiseCopyable>(
    _ count: Int, _ body: (Int) -> (R, Bool)
) -> (values: Buffer, failures: Bitmap?) {
    var failed: UInt8 = 0
    let values = Buffer(of: R.self, count: count) { output in
        unsafe output.withUnsafeMutableBufferPointer { memory, initialized in
            for row in 0..<count {
                let (value, fails) = body(row)
                unsafe memory[row] = value
                failed |= fails ? 1 : 0
            }
            initialized = count
        }
    }
    guard failed != 0 else { return (values, nil) }
    return (values, bitmap(count) { body($0).1 })
}

/// A bitmap of `body(row)`.
///
/// Flags are first written a byte a row, which the compiler turns into vector code, and then
/// packed 8 at a time.
@inline(__always)
func bitmap(_ count: Int, _ body: (Int) -> Bool) -> Bitmap {
    let words = Buffer(of: UInt64.self, count: (count + 63) / 64) { output in
        unsafe output.withUnsafeMutableBufferPointer { words, initialized in
            unsafe withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 64) { flags in
                var first = 0
                while first < count {
                    let rows = min(1_024, count - first)
                    for row in 0..<rows { unsafe flags[row] = body(first + row) ? 1 : 0 }
                    let wordCount = (rows + 63) / 64
                    for row in rows..<wordCount * 64 { unsafe flags[row] = 0 }
                    for word in 0..<wordCount {
                        unsafe words[first / 64 + word] = packed(flags, word * 64)
                    }
                    first += rows
                }
            }
            initialized = words.count
        }
    }
    return Bitmap(words, count: count)
}

/// 64 bytes of 0 or 1 as bits, the first lowest.
@inline(__always)
private func packed(_ flags: UnsafeMutableRawBufferPointer, _ offset: Int) -> UInt64 {
    var word: UInt64 = 0
    for byte in 0..<8 {
        let eight = unsafe flags.load(
            fromByteOffset: offset + byte * 8, as: UInt64.self
        ).littleEndian
        // Moves byte i's lowest bit to bit 56 + i; no two meet, so nothing carries.
        word |= ((eight &* 0x0102_0408_1020_4080) >> 56) << UInt64(byte * 8)
    }
    return word.littleEndian
}

/// A long as the nearest double in operations that exist as vector code: the two halves are put
/// into the mantissas of 2⁸⁴ and 2⁵² and added, which rounds once.
@inline(__always)
func double(_ value: Int64) -> Double {
    let bits = UInt64(bitPattern: value)
    let high = Double(bitPattern: (bits >> 32) ^ 0x4530_0000_8000_0000)
    let low = Double(bitPattern: (bits & 0xFFFF_FFFF) | 0x4330_0000_0000_0000)
    // 2⁸⁴ + 2⁶³ + 2⁵²
    return (high - Double(bitPattern: 0x4530_0000_8010_0000)) + low
}

/// What double arithmetic reads: doubles, or longs that it converts on the way.
protocol DoubleLaneValue: LaneValue {
    var asDouble: Double { get }
}

extension Double: DoubleLaneValue {
    @inline(__always) var asDouble: Double { self }
}

extension Int64: DoubleLaneValue {
    @inline(__always) var asDouble: Double { double(self) }
}

/// Values of the lanes where a bit is set from one, else from another.
@inline(__always)
func blend<T: LaneValue>(
    _ choice: Bitmap, _ yes: Lane<T>, _ no: Lane<T>, _ count: Int
) -> Buffer {
    withRows(yes) { a in
        withRows(no) { b in
            Buffer(of: T.self, count: count) { output in
                unsafe output.withUnsafeMutableBufferPointer { memory, initialized in
                    for index in 0..<choice.wordCount {
                        let word = choice.word(index)
                        let first = index * 64
                        for row in first..<min(count, first + 64) {
                            let takes = word >> UInt64(row - first) & 1 != 0
                            unsafe memory[row] = takes ? a(row) : b(row)
                        }
                    }
                    initialized = count
                }
            }
        }
    }
}

/// Calls `body` with a function from row to value, for a column and for a constant apart, so that
/// the loop inside is compiled for each.
@inline(__always)
func withRows<A: LaneValue, R>(_ lane: Lane<A>, _ body: ((Int) -> A) -> R) -> R {
    guard let buffer = lane.buffer else {
        let constant = lane.constant
        return body { _ in constant }
    }
    // Safe: a lane's buffer holds a value for every row of the frame and is aligned for it; the
    // lane keeps it alive during the call.
    return withExtendedLifetime(buffer) {
        let values = unsafe UnsafePointer(
            buffer.unsafeBytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: A.self))
        return body { unsafe values[$0] }
    }
}

/// A buffer of a function of one operand.
@inline(__always)
func map<A: LaneValue, R: BitwiseCopyable>(
    _ lane: Lane<A>, _ count: Int, _ body: (A) -> (R, Bool)
) -> (values: Buffer, failures: Bitmap?) {
    withRows(lane) { value in fill(count) { body(value($0)) } }
}

/// A buffer of a function of two operands.
@inline(__always)
func map<A: LaneValue, B: LaneValue, R: BitwiseCopyable>(
    _ left: Lane<A>, _ right: Lane<B>, _ count: Int, _ body: (A, B) -> (R, Bool)
) -> (values: Buffer, failures: Bitmap?) {
    withRows(left) { a in withRows(right) { b in fill(count) { body(a($0), b($0)) } } }
}

/// A bitmap of a condition on one operand.
@inline(__always)
func test<A: LaneValue>(_ lane: Lane<A>, _ count: Int, _ body: (A) -> Bool) -> Bitmap {
    withRows(lane) { value in bitmap(count) { body(value($0)) } }
}

/// A bitmap of a condition on two operands.
@inline(__always)
func test<A: LaneValue, B: LaneValue>(
    _ left: Lane<A>, _ right: Lane<B>, _ count: Int, _ body: (A, B) -> Bool
) -> Bitmap {
    withRows(left) { a in withRows(right) { b in bitmap(count) { body(a($0), b($0)) } } }
}
