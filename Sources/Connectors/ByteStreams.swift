import CZlib
import Glibc
import Storage

/// Bytes of an input in order, after decompression.
protocol ByteStream: AnyObject {
    /// Fills at most `buffer`, which is not empty, and returns how many bytes came; 0 is the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int

    /// Whether the next read would wait for someone to write.
    var wouldWait: Bool { get }

    /// Goes to a place counted from the stream's start; `false` when the stream is shorter, `nil`
    /// when it can only be read in order.
    func seek(to offset: Int64) throws -> Bool?
}

extension ByteStream {
    var wouldWait: Bool { false }
    func seek(to offset: Int64) throws -> Bool? { nil }
}

/// A regular file as it is.
final class FileStream: ByteStream {
    private let file: any ReadFile
    private var offset: Int64 = 0

    init(_ file: any ReadFile) { self.file = file }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try unsafe file.read(at: offset, into: buffer)
        offset += Int64(count)
        return count
    }

    func seek(to offset: Int64) throws -> Bool? {
        guard try offset <= file.size() else { return false }
        self.offset = offset
        return true
    }
}

/// A pipe, a terminal or standard input. The first bytes, read to see what it is, come again.
final class PipeStream: ByteStream {
    private let input: any ByteInput
    private let isStandardInput: Bool
    private var first: [UInt8] = []
    private var firstUsed = 0

    init(_ input: any ByteInput, isStandardInput: Bool) {
        self.input = input
        self.isStandardInput = isStandardInput
    }

    /// The first bytes, up to `count`, without taking them.
    func peek(_ count: Int) throws -> [UInt8] {
        while first.count < count {
            var more = [UInt8](repeating: 0, count: count - first.count)
            let got = try unsafe more.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
            if got == 0 { break }
            first += more.prefix(got)
        }
        return first
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let left = first.count - firstUsed
        guard left > 0 else { return try unsafe input.read(into: buffer) }
        let count = min(left, buffer.count)
        unsafe buffer.copyBytes(from: first[firstUsed..<(firstUsed + count)])
        firstUsed += count
        return count
    }

    var wouldWait: Bool {
        guard isStandardInput, firstUsed == first.count else { return false }
        var request = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, 0) == 0
    }
}

/// The content of a gzip file: one member or several end to end.
@safe
final class GzipStream: ByteStream {
    private let source: any ByteStream
    private let name: String
    private let state: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private var sourceEnded = false
    /// Inside a member: an end of the file here is a damage.
    private var isInMember = true
    private var isDone = false

    init(_ source: any ByteStream, name: String) {
        self.source = source
        self.name = name
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: z_stream())
        unsafe input = .allocate(capacity: 1 << 16)
        // 16 more than the largest window asks for gzip's header and checksum.
        let result = unsafe inflateInit2_(
            state, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib cannot start")
    }

    deinit {
        unsafe inflateEnd(state)
        unsafe state.deallocate()
        unsafe input.deallocate()
    }

    var wouldWait: Bool { unsafe state.pointee.avail_in == 0 && source.wouldWait }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        unsafe state.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let room = UInt32(min(buffer.count, Int(Int32.max)))
        unsafe state.pointee.avail_out = room
        while !isDone, unsafe state.pointee.avail_out == room {
            guard try fillInput() else {
                if isInMember { throw damaged("it ends in the middle; it was cut short") }
                isDone = true
                break
            }
            if !isInMember {
                // Zeros after the last member are padding, as gzip takes them.
                if unsafe state.pointee.next_in[0] == 0 {
                    unsafe state.pointee.next_in += 1
                    unsafe state.pointee.avail_in -= 1
                    continue
                }
                unsafe inflateReset(state)
                isInMember = true
            }
            // Safe: next_in and next_out point into buffers of avail_in and avail_out bytes.
            let result = unsafe inflate(state, Z_NO_FLUSH)
            switch result {
            case Z_OK, Z_BUF_ERROR: break
            case Z_STREAM_END: isInMember = false
            default:
                let detail = unsafe state.pointee.msg.map { unsafe String(cString: $0) }
                throw damaged(detail ?? "error \(result)")
            }
        }
        return unsafe Int(room - state.pointee.avail_out)
    }

    private func fillInput() throws -> Bool {
        if unsafe state.pointee.avail_in > 0 { return true }
        if sourceEnded { return false }
        let got = try unsafe source.read(into: UnsafeMutableRawBufferPointer(input))
        sourceEnded = got == 0
        unsafe state.pointee.next_in = input.baseAddress
        unsafe state.pointee.avail_in = UInt32(got)
        return got > 0
    }

    private func damaged(_ what: String) -> FeedError {
        FeedError(
            .damagedArchive, "the gzip file is damaged: \(what); fetch it again", at: name)
    }
}
