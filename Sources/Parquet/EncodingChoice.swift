import Columnar

/// Picks the encoding of a column chunk by what the chunk, or a sample of it, compresses to.
///
/// The sample depends on the number of values alone, so equal values get equal bytes.
struct EncodingChoice {
    let encoding: ParquetEncoding
    let dictionary: ValueDictionary?

    /// Values that are tried; a longer chunk is sampled in `sampleParts` places.
    private static let sampleSize = 32_768
    private static let sampleParts = 4

    init(
        _ values: ChunkValues, _ options: ParquetOptions, forced: ParquetEncoding?,
        _ compressor: ZstandardCompressor
    ) throws(ParquetError) {
        if let forced {
            guard values.candidates.contains(forced) else {
                throw ParquetError(
                    .invalidArgument,
                    "the encoding \(forced) does not fit; choose one of "
                        + values.candidates.map { "\($0)" }.joined(separator: ", "))
            }
            let dictionary =
                forced == .dictionary ? ValueDictionary(values, forced: true) : nil
            // Too many values for a dictionary: written as they are.
            encoding = forced == .dictionary && dictionary == nil ? .plain : forced
            self.dictionary = dictionary
            return
        }
        let allowed = values.candidates.filter {
            $0 == .plain || !options.excludedEncodings.contains($0)
        }
        let dictionary = allowed.contains(.dictionary) ? ValueDictionary(values) : nil
        var best = (encoding: ParquetEncoding.plain, size: Int.max)
        for candidate in allowed where candidate != .dictionary || dictionary != nil {
            let size = Self.size(values, candidate, dictionary, options, compressor)
            if size < best.size { best = (candidate, size) }
        }
        encoding = best.encoding
        self.dictionary = best.encoding == .dictionary ? dictionary : nil
    }

    /// What the whole chunk would take in the file.
    private static func size(
        _ values: ChunkValues, _ encoding: ParquetEncoding, _ dictionary: ValueDictionary?,
        _ options: ParquetOptions, _ compressor: ZstandardCompressor
    ) -> Int {
        func stored(_ page: [UInt8]) -> Int {
            options.compression == .zstd ? compressor.compressedSize(page) : page.count
        }
        var total = 0
        var sampled = 0
        for range in sample(values.count) {
            var page: [UInt8] = []
            values.encode(range, as: encoding, dictionary, into: &page)
            total += stored(page)
            sampled += range.count
        }
        if sampled > 0 && sampled < values.count {
            total = Int(Int128(total) * Int128(values.count) / Int128(sampled))
        }
        if encoding == .dictionary, let dictionary { total += stored(dictionary.page) }
        return total
    }

    private static func sample(_ count: Int) -> [Range<Int>] {
        if count <= sampleSize { return [0..<count] }
        let part = sampleSize / sampleParts
        return (0..<sampleParts).map { index in
            let start = (count - part) / (sampleParts - 1) * index
            return start..<start + part
        }
    }
}
