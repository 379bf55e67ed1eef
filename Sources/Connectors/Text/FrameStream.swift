import CLZ4
import CZstd
import ConnectorAPI
import Decoding

/// How a file is packed, by its first bytes and not by its name.
enum Packing: Equatable {
    case none
    case gzip
    case zip
    case zstd
    case lz4
    /// By something that is not read; what it is, and the command that unpacks it.
    case foreign(name: String, command: String)

    /// How many of the first bytes tell.
    static let magicBytes = 4

    init(_ magic: [UInt8]) {
        self =
            switch magic {
            case _ where magic.starts(with: [0x50, 0x4b, 3, 4]): .zip
            case _ where magic.starts(with: [0x50, 0x4b, 5, 6]): .zip
            case _ where magic.starts(with: [0x1f, 0x8b]): .gzip
            case _ where magic.starts(with: [0x28, 0xb5, 0x2f, 0xfd]): .zstd
            case _ where magic.starts(with: [0x04, 0x22, 0x4d, 0x18]): .lz4
            case _ where magic.starts(with: [0xfd, 0x37, 0x7a, 0x58]):
                .foreign(name: "xz", command: "xz -d")
            case _ where isBzip2(magic):
                .foreign(name: "bzip2", command: "bzip2 -d")
            case _ where magic.starts(with: [0x37, 0x7a, 0xbc, 0xaf]):
                .foreign(name: "7-Zip", command: "7z x")
            case _ where magic.starts(with: [0x52, 0x61, 0x72, 0x21]):
                .foreign(name: "RAR", command: "unrar x")
            case _ where magic.starts(with: [0x1f, 0x9d]):
                .foreign(name: "compress", command: "uncompress")
            default: .none
            }
    }

    /// The content of a stream that is packed so; itself, if it is not packed.
    func unpacking(_ stream: any ByteStream, name: String) throws -> any ByteStream {
        switch self {
        case .none: return stream
        case .gzip: return GzipStream(stream, name: name)
        case .zstd: return FrameStream(stream, ZstdFrames(), name: name)
        case .lz4: return FrameStream(stream, LZ4Frames(), name: name)
        case .zip:
            throw ConnectorError(
                "unreadable", "a zip file cannot be read from a pipe; name the file instead",
                at: name)
        case .foreign(let word, let command):
            throw ConnectorError(
                "unreadable",
                "the file is packed by \(word); gzip, zip, zstd and lz4 are read, so unpack it "
                    + "first: \(command)", at: name)
        }
    }
}

/// Whether these are `BZh` and the level of a bzip2 file.
private func isBzip2(_ magic: [UInt8]) -> Bool {
    magic.starts(with: [0x42, 0x5a, 0x68]) && 0x31...0x39 ~= magic.last ?? 0
}

/// A decompressor of frames, one behind the other.
protocol FrameDecoder: AnyObject {
    /// What it is called.
    var word: String { get }
    /// Decompresses from `input` into `output`.
    ///
    /// - Returns: how many bytes of each were used, and whether a frame has ended; or what is wrong.
    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) -> FrameStep
}

/// What a step of a ``FrameDecoder`` did.
enum FrameStep {
    case done(used: Int, written: Int, frameEnded: Bool)
    case damaged(String)
}

/// The content of a file of frames.
@safe
final class FrameStream: ByteStream {
    private let source: any ByteStream
    private let decoder: any FrameDecoder
    private let name: String
    private let input: UnsafeMutableRawBufferPointer
    /// The bytes of `input` that are to be decompressed.
    private var unused = 0..<0
    private var isInFrame = false

    init(_ source: any ByteStream, _ decoder: any FrameDecoder, name: String) {
        self.source = source
        self.decoder = decoder
        self.name = name
        unsafe input = .allocate(byteCount: 1 << 16, alignment: 16)
    }

    deinit { unsafe input.deallocate() }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            if unused.isEmpty {
                let got = try unsafe source.read(into: input)
                unused = 0..<got
                if got == 0 {
                    if isInFrame { throw damaged("it ends in the middle; it was cut short") }
                    return 0
                }
            }
            let step = unsafe decoder.step(
                UnsafeRawBufferPointer(rebasing: input[unused]), buffer)
            switch step {
            case .damaged(let detail): throw damaged(detail)
            case .done(let used, let written, let frameEnded):
                unused = unused.lowerBound + used..<unused.upperBound
                isInFrame = !frameEnded
                if written > 0 { return written }
                guard used > 0 || frameEnded else { throw damaged("it does not go on") }
            }
        }
    }

    private func damaged(_ what: String) -> ConnectorError {
        ConnectorError(
            "damagedArchive", "the \(decoder.word) file is damaged: \(what); fetch it again",
            at: name, fault: .damage)
    }
}

/// zstd's decompressor.
@safe
final class ZstdFrames: FrameDecoder {
    let word = "zstd"
    private let state: OpaquePointer

    init() {
        guard let state = unsafe ZSTD_createDStream() else {
            preconditionFailure("no memory for zstd")
        }
        unsafe self.state = state
    }

    deinit { _ = unsafe ZSTD_freeDStream(state) }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) -> FrameStep {
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        // Safe: both buffers have as many bytes as they say.
        let left = unsafe ZSTD_decompressStream(state, &target, &source)
        guard ZSTD_isError(left) == 0 else {
            return .damaged(unsafe String(cString: ZSTD_getErrorName(left)))
        }
        return unsafe .done(used: source.pos, written: target.pos, frameEnded: left == 0)
    }
}

/// lz4's decompressor of frames.
@safe
final class LZ4Frames: FrameDecoder {
    let word = "lz4"
    private let state: OpaquePointer

    init() {
        var state: OpaquePointer?
        let result = unsafe LZ4F_createDecompressionContext(&state, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(result) == 0, let state = unsafe state else {
            preconditionFailure("no memory for lz4")
        }
        unsafe self.state = state
    }

    deinit { _ = unsafe LZ4F_freeDecompressionContext(state) }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) -> FrameStep {
        var (used, written) = (input.count, output.count)
        // Safe: both buffers have as many bytes as they say.
        let left = unsafe LZ4F_decompress(
            state, output.baseAddress, &written, input.baseAddress, &used, nil)
        guard LZ4F_isError(left) == 0 else {
            return .damaged(unsafe String(cString: LZ4F_getErrorName(left)))
        }
        return .done(used: used, written: written, frameEnded: left == 0)
    }
}
