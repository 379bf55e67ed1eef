import Decoding
import Glibc
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

    func seek(to offset: Int64) throws -> Bool? {
        guard try offset <= min(file.size(), range.upperBound) - range.lowerBound else {
            return false
        }
        self.offset = range.lowerBound + offset
        return true
    }
}

/// A pipe, a terminal or standard input.
///
/// The first bytes, read to see what it is, come again.
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
