import ConnectorAPI
import Glibc
import Storage

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
    /// Whether a last line without line end is a record.
    private let takesOpenLine: Bool
    /// Of every byte before `base[checked]`.
    private var checksum = ChecksumStream()
    /// Invariant: `0 <= checked <= start`.
    private var checked = 0

    /// A window that reads `readBytes` at a time.
    ///
    /// - Parameters:
    ///   - stream: where the bytes come from.
    ///   - readBytes: how many bytes are read at a time.
    ///   - takesOpenLine: whether a last line without line end is a record; in a file that may
    ///     still grow it is not one yet.
    public init(_ stream: any ByteStream, readBytes: Int, takesOpenLine: Bool = true) {
        self.stream = stream
        self.readBytes = readBytes
        self.takesOpenLine = takesOpenLine
        capacity = readBytes
        unsafe base = .allocate(capacity: capacity + Self.padding)
        unsafe base.initialize(repeating: 0, count: Self.padding)
    }

    /// A window with the whole of a stream of `byteCount` bytes in memory.
    ///
    /// - Throws: ``ConnectorError`` when the stream is shorter.
    public init(whole stream: any ByteStream, byteCount: Int, name: String) throws {
        self.stream = stream
        readBytes = byteCount
        takesOpenLine = true
        capacity = byteCount
        unsafe base = .allocate(capacity: capacity + Self.padding)
        while end < byteCount {
            // Safe: `base` has room for `byteCount` bytes, and nothing reads them yet.
            let got = try unsafe stream.read(
                into: UnsafeMutableRawBufferPointer(start: base + end, count: byteCount - end))
            guard got > 0 else {
                throw ConnectorError("fileChanged", "has become shorter", at: name, fault: .damage)
            }
            end += got
        }
        isAtEnd = true
        unsafe (base + end).initialize(repeating: 0, count: Self.padding)
    }

    deinit { unsafe base.deallocate() }

    /// Whether the bytes in memory end with the last record.
    public var isFinal: Bool { isAtEnd && takesOpenLine }

    /// The checksum of every byte before ``offset``.
    public func readChecksum() -> UInt64 {
        check()
        return checksum.value
    }

    private func check() {
        // Safe: `base` is filled up to `end`, which is not before `start`.
        unsafe checksum.update(
            UnsafeRawBufferPointer(start: base + checked, count: start - checked))
        checked = start
    }

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
            check()
            unsafe base.update(from: base + start, count: count)
            end -= start
            start = 0
            checked = 0
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
        while offset + Int64(count) < target {
            consume(count)
            if isAtEnd { return false }
            try refill()
        }
        guard target >= offset else { return false }
        consume(Int(target - offset))
        return true
    }

    /// The byte before the first unread one, if it is still in memory.
    public var lastRead: UInt8? {
        // Safe: what was consumed stays in memory until the next refill.
        start > 0 ? unsafe base[start - 1] : nil
    }

    /// The first unread byte, or `nil` at the end of the stream.
    public func peek() throws -> UInt8? {
        while count == 0, !isAtEnd { try refill() }
        return count > 0 ? unsafe base[start] : nil
    }

    /// Leaves out the mark of UTF-8 at the start of a stream.
    public func skipByteOrderMark() throws {
        while count < 3, !isAtEnd { try refill() }
        if unsafe unread.prefix(3).elementsEqual([0xef, 0xbb, 0xbf]) { consume(3) }
    }

    /// Leaves out empty lines, and says how many there were; none of them is kept in memory.
    public func skipEmptyLines() throws -> Int64 {
        var lines: Int64 = 0
        while true {
            // Safe: `padding` zeros follow `base[end]`, and only bytes up to `end` are consumed.
            while unsafe count > 0 && base[start] == 0x0a
                || count > 1 && base[start] == 0x0d && base[start + 1] == 0x0a
            {
                unsafe consume(base[start] == 0x0a ? 1 : 2)
                lines += 1
            }
            let mayGoOn = unsafe count == 0 || (count == 1 && base[start] == 0x0d)
            guard mayGoOn, !isAtEnd else { return lines }
            try refill()
        }
    }

    /// Whether a line is skipped whose end has not come yet: ``skipLine()`` is to be called again.
    public private(set) var isSkippingLine = false

    /// Drops bytes up to and with the next newline, or the end of the stream.
    ///
    /// - Throws: what reading throws; calling it again goes on.
    public func skipLine() throws {
        isSkippingLine = true
        while true {
            if count > 0, let found = unsafe memchr(base + start, 0x0a, count) {
                consume(unsafe found - UnsafeMutableRawPointer(base + start) + 1)
                break
            }
            consume(count)
            if isAtEnd { break }
            try refill()
        }
        isSkippingLine = false
    }
}
