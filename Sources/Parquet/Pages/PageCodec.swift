import CBrotli
import CLZ4
import CSnappy
import CZlib
import CZstd
import Columnar

/// How the pages of a column chunk are compressed, as parquet.thrift numbers it.
enum PageCodec: Int32 {
    case uncompressed = 0
    case snappy = 1
    case gzip = 2
    case lzo = 3
    case brotli = 4
    /// LZ4 as Hadoop frames it; superseded by ``lz4Raw``.
    case lz4 = 5
    case zstd = 6
    /// One LZ4 block.
    case lz4Raw = 7

    /// The codec of a number in a footer, if it is one whose pages can be read.
    init(reading number: Int32, offset: Int) throws(ParquetError) {
        guard let codec = PageCodec(rawValue: number), codec != .lzo else {
            let name = number == PageCodec.lzo.rawValue ? "LZO" : "codec number \(number)"
            throw ParquetError(
                .unsupported,
                "pages compressed with \(name) cannot be read; write the file with zstd, snappy, "
                    + "gzip, LZ4_RAW or brotli, or without compression",
                offset: offset)
        }
        self = codec
    }

    /// Decompresses a page to exactly `size` bytes, or returns nil.
    func decompress(_ bytes: Buffer, size: Int) -> Buffer? {
        // A page of nulls alone may have no bytes at all, which is no stream of any codec.
        if size == 0 && bytes.count == 0 { return .empty }
        var isWhole = false
        let result = Buffer(of: UInt8.self, count: size) { output in
            unsafe output.withUnsafeMutableBufferPointer { memory, initialized in
                isWhole = unsafe inflate(
                    bytes.unsafeBytes, into: UnsafeMutableRawBufferPointer(memory))
                // Safe: what was inflated whole has been written to its end.
                initialized = isWhole ? size : 0
            }
        }
        return isWhole ? result : nil
    }

    private func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        // Safe: each library is told the size of both regions and checks what it reads.
        switch self {
        case .uncompressed, .lzo: false
        case .snappy: unsafe inflateSnappy(input, into: output)
        case .gzip: unsafe inflateGzip(input, into: output)
        case .brotli: unsafe inflateBrotli(input, into: output)
        case .lz4:
            unsafe inflateHadoopLZ4(input, into: output) || inflateLZ4(input, into: output)
        case .zstd: unsafe inflateZstandard(input, into: output)
        case .lz4Raw: unsafe inflateLZ4(input, into: output)
        }
    }
}

// Each returns whether `input` was well-formed and filled `output` exactly.

private func inflateZstandard(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
    let written = unsafe ZSTD_decompress(
        output.baseAddress, output.count, input.baseAddress, input.count)
    return ZSTD_isError(written) == 0 && written == output.count
}

private func inflateSnappy(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
    let source = unsafe input.bindMemory(to: CChar.self).baseAddress
    let target = unsafe output.bindMemory(to: CChar.self).baseAddress
    var length = 0
    guard unsafe snappy_uncompressed_length(source, input.count, &length) == SNAPPY_OK,
        length == output.count
    else { return false }
    return unsafe snappy_uncompress(source, input.count, target, &length) == SNAPPY_OK
        && length == output.count
}

private func inflateBrotli(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
    var written = output.count
    let result = unsafe BrotliDecoderDecompress(
        input.count, input.bindMemory(to: UInt8.self).baseAddress, &written,
        output.bindMemory(to: UInt8.self).baseAddress)
    return result == BROTLI_DECODER_RESULT_SUCCESS && written == output.count
}

private func inflateLZ4(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
    guard let sourceCount = Int32(exactly: input.count),
        let targetCount = Int32(exactly: output.count)
    else { return false }
    let written = unsafe LZ4_decompress_safe(
        input.bindMemory(to: CChar.self).baseAddress,
        output.bindMemory(to: CChar.self).baseAddress, sourceCount, targetCount)
    return written == targetCount
}

/// Frames of two numbers, high byte first (sizes without and with compression), and a block.
private func inflateHadoopLZ4(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
    var read = 0
    var written = 0
    while read < input.count {
        guard input.count - read >= 8 else { return false }
        // Safe: eight bytes are left.
        let size = unsafe Int(
            UInt32(bigEndian: input.loadUnaligned(fromByteOffset: read, as: UInt32.self)))
        let stored = unsafe Int(
            UInt32(bigEndian: input.loadUnaligned(fromByteOffset: read + 4, as: UInt32.self)))
        read += 8
        guard stored <= input.count - read, size <= output.count - written,
            unsafe inflateLZ4(
                UnsafeRawBufferPointer(rebasing: input[read..<read + stored]),
                into: UnsafeMutableRawBufferPointer(rebasing: output[written..<written + size]))
        else { return false }
        read += stored
        written += size
    }
    return written == output.count
}

/// One or more gzip members, or zlib streams, end to end.
private func inflateGzip(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
    var stream = unsafe z_stream()
    // 15 bits of window, and 32 for "gzip or zlib, by its header".
    guard
        unsafe inflateInit2_(
            &stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK,
        let inputCount = UInt32(exactly: input.count),
        let outputCount = UInt32(exactly: output.count)
    else { return false }
    defer { _ = unsafe inflateEnd(&stream) }
    // zlib does not write through `next_in`; its declaration lacks the const.
    unsafe stream.next_in = UnsafeMutablePointer(
        mutating: input.bindMemory(to: UInt8.self).baseAddress)
    unsafe stream.avail_in = inputCount
    unsafe stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
    unsafe stream.avail_out = outputCount
    while true {
        guard unsafe inflate(&stream, Z_FINISH) == Z_STREAM_END else { return false }
        if unsafe stream.avail_in == 0 { return unsafe stream.avail_out == 0 }
        guard unsafe inflateReset(&stream) == Z_OK else { return false }
    }
}
