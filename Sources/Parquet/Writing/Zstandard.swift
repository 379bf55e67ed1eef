import CZstd

/// Compresses pages; one context and one piece of memory, reused.
///
/// Not thread-safe.
@safe
final class ZstandardCompressor {
    private let context: OpaquePointer
    private let level: Int32
    // Safe to keep: allocated by this object, freed in `deinit`.
    private var output: UnsafeMutableRawBufferPointer

    /// The level (1…19) trades time for size.
    init(level: Int) {
        guard let context = unsafe ZSTD_createCCtx() else {
            preconditionFailure("no memory for a compression context")
        }
        unsafe self.context = context
        self.level = Int32(level)
        unsafe output = .allocate(byteCount: 0, alignment: 16)
    }

    deinit {
        unsafe output.deallocate()
        unsafe ZSTD_freeCCtx(context)
    }

    /// The compressed form of some bytes, with their size in its header; valid until the next call.
    @unsafe
    func compress(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let bound = ZSTD_compressBound(bytes.count)
        if unsafe output.count < bound {
            unsafe output.deallocate()
            unsafe output = .allocate(byteCount: bound, alignment: 16)
        }
        let size = unsafe ZSTD_compressCCtx(
            context, output.baseAddress, output.count, bytes.baseAddress, bytes.count, level)
        precondition(ZSTD_isError(size) == 0, "compression failed with enough room")
        return unsafe UnsafeRawBufferPointer(rebasing: output[..<size])
    }
}

extension ParquetCompression {
    /// Some bytes as they stand in a file; valid until the next call, as long as they are.
    @unsafe
    func stored(
        _ bytes: UnsafeRawBufferPointer, _ compressor: ZstandardCompressor
    ) -> UnsafeRawBufferPointer {
        switch self {
        case .uncompressed: unsafe bytes
        case .zstd: unsafe compressor.compress(bytes)
        }
    }
}
