import CZstd

/// Compresses pages; one context, reused.
///
/// Not thread-safe.
@safe
final class ZstandardCompressor {
    private let context: OpaquePointer
    private let level: Int32

    /// The level (1…19) trades time for size.
    init(level: Int) {
        guard let context = unsafe ZSTD_createCCtx() else {
            preconditionFailure("no memory for a compression context")
        }
        unsafe self.context = context
        self.level = Int32(level)
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Appends the compressed form of some bytes, with their size in its header.
    func compress(_ bytes: UnsafeRawBufferPointer, into out: inout [UInt8]) {
        let bound = ZSTD_compressBound(bytes.count)
        unsafe out.append(upTo: bound) { output in
            let size = unsafe ZSTD_compressCCtx(
                context, output, bound, bytes.baseAddress, bytes.count, level)
            precondition(ZSTD_isError(size) == 0, "compression failed with enough room")
            return size
        }
    }

    /// The size the bytes would compress to.
    func compressedSize(_ bytes: [UInt8]) -> Int {
        var scratch: [UInt8] = []
        unsafe bytes.withUnsafeBytes { unsafe compress($0, into: &scratch) }
        return scratch.count
    }
}
