/// Immutable bytes with shared ownership: memory of our own, or a part of a mapped file.
///
/// Copying a buffer copies a reference. Its bytes never change after construction, which is what
/// makes it `Sendable`.
@safe
public struct Buffer: @unchecked Sendable {
    /// Keeps the memory alive: an `Allocation`, a file mapping, or `nil` for the empty buffer.
    @usableFromInline let owner: AnyObject?
    @usableFromInline let base: UnsafeRawPointer
    /// The number of bytes.
    public let count: Int

    /// Our own allocations start on a cache line and are zero-padded to one, as Arrow advises.
    @usableFromInline static let alignment = 64
    // One page of zeros shared by every empty buffer, so that `base` is never null.
    private static let emptyAllocation = Allocation(byteCount: 0)

    /// The empty buffer.
    public static let empty = unsafe Buffer(
        owner: nil, base: UnsafeRawPointer(emptyAllocation.pointer), count: 0)

    @usableFromInline
    init(owner: AnyObject?, base: UnsafeRawPointer, count: Int) {
        self.owner = owner
        unsafe self.base = unsafe base
        self.count = count
    }

    /// A view of memory that `owner` keeps alive and that nobody writes to any more.
    @unsafe
    public init(borrowing bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        guard let start = bytes.baseAddress else {
            self = .empty
            return
        }
        unsafe self.init(owner: owner, base: start, count: bytes.count)
    }

    /// A buffer of `byteCount` bytes, zeroed, which `fill` then writes.
    @inlinable
    public init(byteCount: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        let allocation = Allocation(byteCount: byteCount)
        unsafe allocation.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        unsafe try fill(
            UnsafeMutableRawBufferPointer(start: allocation.pointer, count: byteCount))
        unsafe self.init(
            owner: allocation, base: UnsafeRawPointer(allocation.pointer), count: byteCount)
    }

    /// A buffer of the bytes that `fill` writes from the start of memory for `capacity`, which is not
    /// zeroed; it gives their number.
    @unsafe @inlinable
    public init(
        capacity: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Int
    ) rethrows {
        let allocation = Allocation(byteCount: capacity)
        let count = unsafe try fill(
            UnsafeMutableRawBufferPointer(start: allocation.pointer, count: capacity))
        precondition(count >= 0 && count <= capacity, "more bytes than there was room for")
        unsafe self.init(
            owner: allocation, base: UnsafeRawPointer(allocation.pointer), count: count)
    }

    /// A buffer of `count` values, which `initialize` appends; values not appended are zero.
    @inlinable
    public init<T: BitwiseCopyable, E: Error>(
        of type: T.Type, count: Int, initialize: (inout OutputSpan<T>) throws(E) -> Void
    ) throws(E) {
        let allocation = Allocation(byteCount: count * MemoryLayout<T>.stride)
        let memory = unsafe UnsafeMutableBufferPointer(
            start: allocation.pointer.assumingMemoryBound(to: T.self), count: count)
        var output = unsafe OutputSpan(buffer: memory, initializedCount: 0)
        try initialize(&output)
        let initialized = unsafe output.finalize(for: memory) * MemoryLayout<T>.stride
        let rest = count * MemoryLayout<T>.stride - initialized
        unsafe (allocation.pointer + initialized).initializeMemory(
            as: UInt8.self, repeating: 0, count: rest)
        unsafe self.init(
            owner: allocation, base: UnsafeRawPointer(allocation.pointer),
            count: count * MemoryLayout<T>.stride)
    }

    /// A copy of an array's values.
    @inlinable
    public init<T: BitwiseCopyable>(copying values: [T]) {
        self = unsafe values.withUnsafeBytes { unsafe Buffer(copying: $0) }
    }

    /// A copy of some bytes.
    @unsafe @inlinable
    public init(copying bytes: UnsafeRawBufferPointer) {
        self = unsafe Buffer(capacity: bytes.count) { memory in
            unsafe memory.copyMemory(from: bytes)
            return bytes.count
        }
    }

    /// The bytes `range`, sharing this buffer's memory.
    @inlinable
    public func slice(_ range: Range<Int>) -> Buffer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "slice past the buffer")
        return unsafe Buffer(owner: owner, base: base + range.lowerBound, count: range.count)
    }

    /// The bytes.
    @inlinable
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The bytes as values of `T`; a rest smaller than one value is left out.
    ///
    /// The memory must be aligned for `T`: `isAligned(for:)`.
    @inlinable
    @_lifetime(borrow self)
    public func span<T: BitwiseCopyable>(of type: T.Type) -> Span<T> {
        // Safe: the owner keeps the memory alive as long as this buffer, any bit pattern is a `T`.
        let span = unsafe Span(
            _unsafeStart: base.assumingMemoryBound(to: T.self),
            count: count / MemoryLayout<T>.stride)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// The bytes for code that works on pointers; valid while this buffer is alive.
    @unsafe @inlinable
    public var unsafeBytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: count)
    }

    /// Whether the memory starts on an address that `T` may be read from.
    @inlinable
    public func isAligned<T>(for type: T.Type) -> Bool {
        unsafe UInt(bitPattern: base) % UInt(MemoryLayout<T>.alignment) == 0
    }
}

/// Memory of our own, 64-byte aligned, freed with its last reference. The padding after the
/// bytes asked for is zero; the bytes themselves are for the creator to initialize.
// `@unchecked`: written only while its creator alone holds it, read-only once in a `Buffer`.
@safe
@usableFromInline
final class Allocation: @unchecked Sendable {
    @usableFromInline let pointer: UnsafeMutableRawPointer

    @usableFromInline
    init(byteCount: Int) {
        precondition(byteCount >= 0, "a buffer cannot have a negative size")
        let padded = max(Buffer.alignment, (byteCount + 63) & ~63)
        unsafe pointer = UnsafeMutableRawPointer.allocate(
            byteCount: padded, alignment: Buffer.alignment)
        unsafe (pointer + byteCount).initializeMemory(
            as: UInt8.self, repeating: 0, count: padded - byteCount)
    }

    deinit { unsafe pointer.deallocate() }
}
