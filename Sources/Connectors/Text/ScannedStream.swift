import Decoding
import FileSources
import Storage

/// A stream that knows what has been read of it, and so the beginnings of what it gives.
final class ScannedStream: ByteStream, Beginnings {
    private let stream: any ByteStream
    /// The first bytes, at most ``FileContent/startBytes``.
    private(set) var head: [UInt8] = []
    private var tail: [UInt8] = []
    /// How many bytes were read.
    private(set) var count: Int64 = 0
    private static let chunkBytes = 1 << 16

    /// A stream of which nothing was read.
    init(_ stream: any ByteStream) { self.stream = stream }

    /// What was read.
    var content: FileContent {
        FileContent(
            bytes: count, head: head, tail: Array(tail.suffix(Int(FileContent.tailBytes))))
    }

    /// Reads on, and keeps what tells the bytes apart.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let got = try unsafe stream.read(into: buffer)
        // Safe: `read` has filled so many bytes.
        unsafe note(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        return got
    }

    private func note(_ bytes: UnsafeRawBufferPointer) {
        count += Int64(bytes.count)
        let missing = Int(FileContent.startBytes) - head.count
        if missing > 0 { unsafe head += bytes.prefix(missing) }
        let wanted = Int(FileContent.tailBytes)
        if bytes.count >= wanted {
            unsafe tail = Array(bytes.suffix(wanted))
        } else {
            unsafe tail += bytes
            // Cut now and then, not with every few bytes.
            if tail.count > 2 * wanted { tail.removeFirst(tail.count - wanted) }
        }
    }

    /// Reads up to a place, and drops the bytes; how many were read in all.
    func read(upTo place: Int64) throws -> Int64 {
        var buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
        while count < place {
            let wanted = Int(min(place - count, Int64(Self.chunkBytes)))
            let got = try unsafe buffer.withUnsafeMutableBytes { bytes in
                // Safe: `wanted` is at most the buffer's size.
                try unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]))
            }
            if got == 0 { break }
        }
        return count
    }

    /// 32 bits of a checksum of so many first bytes.
    func start(bytes: Int64) throws -> UInt64? {
        guard try read(upTo: bytes) >= bytes else { return nil }
        return FileContent.start(of: Array(head.prefix(Int(bytes))))
    }

    /// The first bytes, from where it has come on.
    func content(bytes: Int64) throws -> FileContent? {
        precondition(count <= bytes, "beginnings are asked for in the order of their lengths")
        return try read(upTo: bytes) == bytes ? content : nil
    }
}

extension FileContent {
    /// Whether a stream has these bytes and no more.
    func isAll(of stream: any ByteStream) throws -> Bool {
        let scanned = ScannedStream(stream)
        guard try scanned.read(upTo: bytes) == bytes, scanned.content == self else { return false }
        return try scanned.read(upTo: bytes + 1) == bytes
    }
}
