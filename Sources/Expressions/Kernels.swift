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
@inline(__always)
func bitmap(_ count: Int, _ body: (Int) -> Bool) -> Bitmap {
    Bitmap(wordsFor: count) { index in
        let first = index * 64
        var word: UInt64 = 0
        if first + 64 <= count {
            for bit in 0..<64 { word |= (body(first + bit) ? 1 : 0) << UInt64(bit) }
        } else {
            for bit in 0..<(count - first) { word |= (body(first + bit) ? 1 : 0) << UInt64(bit) }
        }
        return word
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
