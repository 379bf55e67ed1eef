import CZlib
import ConnectorAPI
import Decoding

/// zlib's decompressor over a stream of compressed bytes.
@safe
final class Inflater {
    /// What the compressed bytes are wrapped in.
    enum Wrapping {
        case gzip
        /// Nothing, as in zip files.
        case raw
    }

    enum Outcome {
        /// Some bytes came out, perhaps none; more may follow.
        case more(Int)
        /// These were the last bytes.
        case end(Int)
        /// There is no compressed byte left.
        case sourceEnded
        /// The bytes are not what zlib wrote.
        case damaged(String)
    }

    private let source: any ByteStream
    private let state: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private var sourceEnded = false

    init(_ source: any ByteStream, _ wrapping: Wrapping) {
        self.source = source
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: z_stream())
        unsafe input = .allocate(capacity: 1 << 16)
        // 15 is the largest window; 16 more ask for gzip's header, a minus for none.
        let result = unsafe inflateInit2_(
            state, wrapping == .gzip ? 15 + 16 : -15, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib cannot start")
    }

    deinit {
        unsafe inflateEnd(state)
        unsafe state.deallocate()
        unsafe input.deallocate()
    }

    /// The next compressed byte, or `nil` at the end.
    func peek() throws -> UInt8? {
        try fillInput() ? unsafe state.pointee.next_in[0] : nil
    }

    /// Drops the next compressed byte, which `peek` gave.
    func dropByte() {
        unsafe state.pointee.next_in += 1
        unsafe state.pointee.avail_in -= 1
    }

    /// Begins a new compressed stream with the next byte.
    func reset() { unsafe inflateReset(state) }

    /// Decompresses what one step gives into a buffer that is not empty.
    func step(into buffer: UnsafeMutableRawBufferPointer) throws -> Outcome {
        guard try fillInput() else { return .sourceEnded }
        let room = UInt32(min(buffer.count, Int(Int32.max)))
        unsafe state.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe state.pointee.avail_out = room
        // Safe: next_in and next_out point into buffers of avail_in and avail_out bytes.
        let result = unsafe inflate(state, Z_NO_FLUSH)
        let written = unsafe Int(room - state.pointee.avail_out)
        switch result {
        case Z_OK, Z_BUF_ERROR: return .more(written)
        case Z_STREAM_END: return .end(written)
        default:
            let detail = unsafe state.pointee.msg.map { unsafe String(cString: $0) }
            return .damaged(detail ?? "error \(result)")
        }
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
}

/// The content of a gzip file: one member or several end to end.
final class GzipStream: ByteStream {
    private let inflater: Inflater
    private let name: String
    /// Inside a member: an end of the file here is a damage.
    private var isInMember = true
    private var isDone = false

    init(_ source: any ByteStream, name: String) {
        inflater = Inflater(source, .gzip)
        self.name = name
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while !isDone {
            if !isInMember {
                guard let byte = try inflater.peek() else {
                    isDone = true
                    break
                }
                if byte == 0 {
                    // Zeros after the last member are padding, as gzip takes them.
                    inflater.dropByte()
                    continue
                }
                inflater.reset()
                isInMember = true
            }
            switch try unsafe inflater.step(into: buffer) {
            case .more(0): continue
            case .more(let count): return count
            case .end(let count):
                isInMember = false
                if count > 0 { return count }
            case .sourceEnded: throw damaged("it ends in the middle; it was cut short")
            case .damaged(let detail): throw damaged(detail)
            }
        }
        return 0
    }

    private func damaged(_ what: String) -> ConnectorError {
        ConnectorError(
            "damagedArchive", "the gzip file is damaged: \(what); fetch it again", at: name,
            fault: .damage)
    }
}
