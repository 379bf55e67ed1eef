public import Columnar

// `@unchecked`: written by the feed that made it, and by nobody once a `Buffer` holds it.
/// Memory that a feed fills and then hands to a `Buffer`, which frees it with its last reference.
@safe
public final class ColumnMemory: @unchecked Sendable {
    /// The first byte.
    public let base: UnsafeMutableRawPointer
    /// How many bytes may be used.
    public let byteCount: Int

    /// Room for `byteCount` bytes, not initialized but for the padding, on a cache line.
    public init(byteCount: Int) {
        self.byteCount = byteCount
        unsafe base = .allocate(byteCount: (byteCount + 127) & ~63, alignment: 64)
    }

    deinit { unsafe base.deallocate() }

    /// The first `count` bytes, which must have been written, as an immutable buffer.
    public func buffer(_ count: Int) -> Buffer {
        precondition(count <= byteCount, "a buffer larger than its memory")
        // Safe: self keeps the bytes alive, and its creator stops writing here.
        return unsafe Buffer(
            borrowing: UnsafeRawBufferPointer(start: base, count: count), owner: self)
    }
}
