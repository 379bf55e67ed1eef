import ConnectorAPI
import Decoding
import Storage

/// A regular file as it is, or a part of one.
final class FileStream: ByteStream {
    private let file: any ReadFile
    private let range: Range<Int64>
    private var offset: Int64

    /// The bytes of a file in a range, up to its end by default.
    init(_ file: any ReadFile, _ range: Range<Int64> = 0..<Int64.max) {
        self.file = file
        self.range = range
        offset = range.lowerBound
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, Int(clamping: range.upperBound - offset))
        guard count > 0 else { return 0 }
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        let got = try unsafe file.read(at: offset, into: part)
        offset += Int64(got)
        return got
    }
}

/// A pipe, a terminal or standard input, whose first bytes tell whether it is packed.
///
/// The first bytes, read to see what it is, come again.
final class PipeStream: ByteStream {
    private let input: any ByteInput
    private let name: String
    private let wait: InputWait
    private var first: [UInt8] = []
    private var firstUsed = 0
    private var isOpen = true

    init(_ input: any ByteInput, name: String, _ wait: InputWait) {
        self.input = input
        self.name = name
        self.wait = wait
    }

    /// How the stream is packed; waits for its first bytes.
    func packing() throws -> Packing {
        while first.count < Packing.magicBytes, isOpen {
            try wait.forBytes(of: input)
            var more = [UInt8](repeating: 0, count: Packing.magicBytes - first.count)
            let got = try unsafe more.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
            isOpen = got > 0
            first += more.prefix(got)
        }
        return Packing(first)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let left = first.count - firstUsed
        guard left > 0 else {
            try wait.forBytes(of: input)
            return try unsafe input.read(into: buffer)
        }
        let count = min(left, buffer.count)
        unsafe buffer.copyBytes(from: first[firstUsed..<(firstUsed + count)])
        firstUsed += count
        return count
    }
}

/// A pipe whose first bytes, once they come, say whether it is to be unpacked.
final class UnpackedPipe: ByteStream {
    private let pipe: PipeStream
    private let name: String
    private var content: (any ByteStream)?

    init(_ pipe: PipeStream, name: String) {
        self.pipe = pipe
        self.name = name
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if let content { return try unsafe content.read(into: buffer) }
        let opened = try pipe.packing().unpacking(pipe, name: name)
        content = opened
        return try unsafe opened.read(into: buffer)
    }
}

/// How long a feed waits for the bytes of a pipe: until it is asked to come back, until the
/// deadline of its call, or not at all when it has something to give.
final class InputWait {
    /// Ends a wait, from any thread.
    let interrupt = FeedInterrupt()
    private let time: any TimeSource
    private var deadline = MonotonicTime(nanos: 0)

    /// How long an interrupt may go unnoticed.
    private static let sliceMs = 10

    init(_ time: any TimeSource) { self.time = time }

    /// A call begins, which is to come back at a deadline.
    func begin(until deadline: MonotonicTime) { self.deadline = deadline }

    /// The call has something to give: it waits no more.
    func end() { deadline = MonotonicTime(nanos: 0) }

    /// Waits until bytes, or the end, have come.
    ///
    /// - Throws: `NothingYet` when the call is to come back first.
    func forBytes(of input: any ByteInput) throws {
        if try input.isReady(waitingMs: 0) { return }
        // Counted down, since a test's clock may stand while the machine waits.
        var left = deadline.nanos(since: time.now) / 1_000_000
        while left > 0, !interrupt.take() {
            let slice = min(left, UInt64(Self.sliceMs))
            if try input.isReady(waitingMs: Int(slice)) { return }
            left -= slice
        }
        throw NothingYet()
    }
}
