import Columnar

/// Picks the encoding of a column chunk by what the chunk, or a sample of it, compresses to.
///
/// The sample depends on the number of values alone, so equal values get equal bytes.
struct EncodingChoice {
    let encoding: ParquetEncoding
    let dictionary: ValueDictionary?
    /// The dictionary's page as it stands in the file, where that is known already.
    private(set) var storedDictionaryPage: [UInt8]?

    /// Values that are tried; a longer chunk is sampled in `sampleParts` places.
    ///
    /// The encodings of strings are closer to each other than those of numbers.
    private static func sampleSize(_ values: ChunkValues) -> Int {
        if case .strings = values.storage { 32_768 } else { 16_384 }
    }
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
        let trial = Trial(values, options.compression, compressor)
        var best = (encoding: ParquetEncoding.plain, size: Int.max)
        for candidate in values.candidates where candidate != .dictionary {
            guard candidate == .plain || !options.excludedEncodings.contains(candidate) else {
                continue
            }
            let size = trial.size(as: candidate, nil)
            if size < best.size { best = (candidate, size) }
        }
        if values.candidates.contains(.dictionary),
            !options.excludedEncodings.contains(.dictionary),
            let dictionary = ValueDictionary(values)
        {
            // Of equal sizes that of the earlier candidate stays: PLAIN before the dictionary.
            let codes = trial.size(as: .dictionary, dictionary)
            let limit = best.encoding == .plain ? best.size - 1 : best.size
            if codes <= limit {
                let page = trial.stored(dictionary.page)
                if codes + page.count <= limit {
                    (encoding, self.dictionary) = (.dictionary, dictionary)
                    storedDictionaryPage = page
                    return
                }
            }
        }
        encoding = best.encoding
        dictionary = nil
    }

    private static func sample(_ values: ChunkValues) -> [Range<Int>] {
        let (count, sampleSize) = (values.count, sampleSize(values))
        if count <= sampleSize { return [0..<count] }
        let part = sampleSize / sampleParts
        return (0..<sampleParts).map { index in
            let start = (count - part) / (sampleParts - 1) * index
            return start..<start + part
        }
    }

    /// What values would take in the file, by a sample of them.
    private struct Trial {
        let values: ChunkValues
        let compression: ParquetCompression
        let compressor: ZstandardCompressor
        let ranges: [Range<Int>]

        init(
            _ values: ChunkValues, _ compression: ParquetCompression,
            _ compressor: ZstandardCompressor
        ) {
            self.values = values
            self.compression = compression
            self.compressor = compressor
            ranges = EncodingChoice.sample(values)
        }

        /// The whole chunk's pages, without that of the dictionary.
        func size(as encoding: ParquetEncoding, _ dictionary: ValueDictionary?) -> Int {
            var total = 0
            var sampled = 0
            var page: [UInt8] = []
            for range in ranges {
                page.removeAll(keepingCapacity: true)
                values.encode(range, as: encoding, dictionary, into: &page)
                total += unsafe page.withUnsafeBytes { bytes in
                    unsafe compression.stored(bytes, compressor).count
                }
                sampled += range.count
            }
            if sampled > 0 && sampled < values.count {
                total = Int(Int128(total) * Int128(values.count) / Int128(sampled))
            }
            return total
        }

        func stored(_ page: [UInt8]) -> [UInt8] {
            unsafe page.withUnsafeBytes { bytes in
                unsafe Array(compression.stored(bytes, compressor))
            }
        }
    }
}
