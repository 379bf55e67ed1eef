import ConnectorAPI
import Glibc

/// The part of a stream that is in memory: what was read and not yet consumed.
///
/// Invariants: `0 <= start <= end <= capacity`; `base[start]` is the stream's byte `offset`;
/// `padding` zeros follow `base[end]`, so that code may load words beyond the end.
@safe
public final class InputWindow {
    static let padding = 64

    /// Where the bytes come from.
    public let stream: any ByteStream
    private(set) var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var start = 0
    private(set) var end = 0
    /// The place in the stream of the first unread byte.
    public private(set) var offset: Int64 = 0
    /// Nothing comes after the bytes in memory.
    public private(set) var isAtEnd = false
    /// Grows with every refill, after which bytes lie elsewhere.
    private(set) var generation = 0
    private let readBytes: Int

    /// A window that reads `readBytes` at a time.
    public init(_ stream: any ByteStream, readBytes: Int) {
        self.stream = stream
        self.readBytes = readBytes
        capacity = readBytes
        unsafe base = .allocate(capacity: capacity + Self.padding)
        unsafe base.initialize(repeating: 0, count: Self.padding)
    }

    /// A window with the whole of a stream of `byteCount` bytes in memory.
    ///
    /// - Throws: ``FeedError`` when the stream is shorter.
    public init(whole stream: any ByteStream, byteCount: Int, name: String) throws {
        self.stream = stream
        readBytes = byteCount
        capacity = byteCount
        unsafe base = .allocate(capacity: capacity + Self.padding)
        while end < byteCount {
            // Safe: `base` has room for `byteCount` bytes, and nothing reads them yet.
            let got = try unsafe stream.read(
                into: UnsafeMutableRawBufferPointer(start: base + end, count: byteCount - end))
            guard got > 0 else { throw FeedError(.fileChanged, "has become shorter", at: name) }
            end += got
        }
        isAtEnd = true
        unsafe (base + end).initialize(repeating: 0, count: Self.padding)
    }

    deinit { unsafe base.deallocate() }

    /// The number of unread bytes in memory.
    public var count: Int { end - start }

    /// The unread bytes.
    public var unread: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + start, count: count)
    }

    /// Marks bytes as read.
    public func consume(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "consumed more than there is")
        start += count
        offset += Int64(count)
    }

    /// Reads more, after what is unread.
    ///
    /// The caller bounds the memory by consuming: the window only grows while a record is longer
    /// than what is in memory, and a record has a limit.
    public func refill() throws {
        guard !isAtEnd else { return }
        generation += 1
        if start > 0 {
            unsafe base.update(from: base + start, count: count)
            end -= start
            start = 0
        }
        if capacity - end < readBytes { grow() }
        // Safe: there is room for `readBytes` and the padding behind `end`.
        let got = try unsafe stream.read(
            into: UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end))
        isAtEnd = got == 0
        end += got
        unsafe (base + end).update(repeating: 0, count: Self.padding)
    }

    private func grow() {
        capacity = max(capacity * 2, end + readBytes)
        let larger = UnsafeMutablePointer<UInt8>.allocate(
            capacity: capacity + Self.padding)
        unsafe larger.initialize(from: base, count: end)
        unsafe base.deallocate()
        unsafe base = unsafe larger
    }

    /// Goes forward to a place in the stream; `false` when the stream ends before it.
    public func skip(to target: Int64) throws -> Bool {
        if target - offset > Int64(count), let reached = try stream.seek(to: target) {
            guard reached else { return false }
            start = 0
            end = 0
            offset = target
            isAtEnd = false
            return true
        }
        while offset + Int64(count) < target {
            consume(count)
            if isAtEnd { return false }
            try refill()
        }
        guard target >= offset else { return false }
        consume(Int(target - offset))
        return true
    }

    /// Leaves out the mark of UTF-8 at the start of a stream.
    public func skipByteOrderMark() throws {
        while count < 3, !isAtEnd { try refill() }
        if unsafe unread.prefix(3).elementsEqual([0xef, 0xbb, 0xbf]) { consume(3) }
    }

    /// Drops bytes up to and with the next newline; `false` when the stream ended first.
    public func skipLine() throws -> Bool {
        while true {
            if count > 0, let found = unsafe memchr(base + start, 0x0a, count) {
                consume(unsafe found - UnsafeMutableRawPointer(base + start) + 1)
                return true
            }
            consume(count)
            if isAtEnd { return false }
            try refill()
        }
    }
}
