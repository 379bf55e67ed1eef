import Glibc

/// Bytes of a file in memory, read-only, valid as long as the object lives.
///
/// The file under it must not be cut while it is mapped: the kernel answers a read past the end
/// with SIGBUS. The log never cuts what was durable, and it maps nothing else.
@safe public final class FileMapping: Sendable {
    // Safe to share: the memory is mapped read-only, or never written after init.
    private nonisolated(unsafe) let buffer: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Takes over a mapping made with mmap.
    init(mapped buffer: UnsafeRawBufferPointer) {
        unsafe self.buffer = buffer
        isMapped = true
    }

    /// A copy of bytes that behaves like a mapping, for a file system without files.
    public init(copying bytes: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: bytes.count, alignment: 64)
        unsafe memory.copyBytes(from: bytes)
        unsafe buffer = UnsafeRawBufferPointer(memory)
        isMapped = false
    }

    deinit {
        if !isMapped {
            unsafe buffer.deallocate()
        } else if let base = unsafe buffer.baseAddress {
            // Safe: the address and length are those mmap returned.
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), buffer.count)
        }
    }

    /// How many bytes are mapped.
    public var count: Int { unsafe buffer.count }

    /// The bytes, for as long as the mapping is in scope.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // Safe: the memory lives as long as self.
            let span = unsafe RawSpan(_unsafeBytes: buffer)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Gives the memory of a part back to the machine, as far as it makes whole pages; who reads it
    /// again reads it from the file.
    ///
    /// Without it everything that was ever read of a file counts as the process's memory.
    public func release(_ range: Range<Int>) {
        guard isMapped, let base = unsafe buffer.baseAddress else { return }
        let page = Int(getpagesize())
        let first = (range.lowerBound + page - 1) / page * page
        let end = min(range.upperBound, count) / page * page
        guard first >= 0, first < end else { return }
        // Safe: the pages are of this mapping, which is of a file and read-only: they stay readable.
        _ = unsafe madvise(
            UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED)
    }

    /// The bytes for code that keeps the mapping alive itself.
    @unsafe public var unsafeBytes: UnsafeRawBufferPointer { unsafe buffer }
}
