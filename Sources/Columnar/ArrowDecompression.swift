import CLZ4
import CZstd

/// The content of a compressed buffer of Arrow, which must have exactly `byteCount` bytes.
func decompress(_ frame: Buffer, codec: Int8, byteCount: Int) throws(ArrowError) -> Buffer {
    let corrupt = ArrowError(.malformed, "a compressed buffer is not \(byteCount) bytes long")
    var isWhole = false
    let output = unsafe Buffer(byteCount: byteCount) { output in
        switch codec {
        case ArrowFormat.codecZstd:
            // Safe: both regions are as long as said; zstd checks the frame.
            let size = unsafe ZSTD_decompress(
                output.baseAddress, byteCount, frame.unsafeBytes.baseAddress, frame.count)
            isWhole = size == byteCount
        case ArrowFormat.codecLZ4Frame:
            isWhole = unsafe decompressLZ4Frame(frame.unsafeBytes, into: output)
        default:
            break
        }
    }
    guard codec == ArrowFormat.codecZstd || codec == ArrowFormat.codecLZ4Frame else {
        throw ArrowError(.unsupported, "compression codec \(codec); zstd and LZ4 frames are read")
    }
    guard isWhole else { throw corrupt }
    return output
}

/// Whether the frame was well-formed and filled `output` exactly.
private func decompressLZ4Frame(
    _ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
    var context: OpaquePointer?
    guard unsafe LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_getVersion())) == 0
    else { return false }
    defer { _ = unsafe LZ4F_freeDecompressionContext(context) }
    var read = 0
    var written = 0
    while true {
        // Safe: both regions are cut to what is left of them.
        var outputCount = output.count - written
        var inputCount = frame.count - read
        let hint = unsafe LZ4F_decompress(
            context, output.baseAddress.map { unsafe $0 + written }, &outputCount,
            frame.baseAddress.map { unsafe $0 + read }, &inputCount, nil)
        if LZ4F_isError(hint) != 0 { return false }
        read += inputCount
        written += outputCount
        if hint == 0 { return written == output.count }
        if inputCount == 0 && outputCount == 0 { return false }
    }
}
