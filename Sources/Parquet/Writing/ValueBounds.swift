import Columnar

/// The smallest and largest of some values, as statistics and the page index hold them.
struct ValueBounds {
    let min: [UInt8]
    let max: [UInt8]
    var isMinExact = true
    var isMaxExact = true

    /// Longer strings are cut in statistics.
    private static let stringBytesMax = 64

    /// Nil when there is no value, or none but NaN, which has no place in an order.
    init?(_ values: ChunkValues, _ range: Range<Int>) {
        guard !range.isEmpty else { return nil }
        switch values.storage {
        case .booleans(let bits):
            let part = bits.slice(range)
            let ones = part.setBitCount
            (min, max) = ([ones == part.count ? 1 : 0], [ones > 0 ? 1 : 0])
        case .int32s(let buffer):
            (min, max) = Self.integers(buffer.span(of: Int32.self).extracting(range))
        case .int64s(let buffer):
            (min, max) = Self.integers(buffer.span(of: Int64.self).extracting(range))
        case .doubles(let buffer):
            guard let found = Self.doubles(buffer.span(of: Double.self).extracting(range)) else {
                return nil
            }
            (min, max) = found
        case .fixed(let buffer):
            (min, max) = Self.decimals(buffer.span(of: Int128.self).extracting(range))
        case .strings(let strings):
            let (low, high) = strings.extremes(range)
            let cut = Self.lowerBound(low, isText: strings.isText)
            let raised = Self.upperBound(high, isText: strings.isText)
            (min, isMinExact) = (cut, cut.count == low.count)
            (max, isMaxExact) = (raised, raised.count == high.count && raised == high)
        }
    }

    private static func integers<T: FixedWidthInteger & BitwiseCopyable>(
        _ values: Span<T>
    ) -> ([UInt8], [UInt8]) {
        var low = values[0]
        var high = values[0]
        for index in 1..<values.count {
            low = Swift.min(low, values[index])
            high = Swift.max(high, values[index])
        }
        var bytes: ([UInt8], [UInt8]) = ([], [])
        bytes.0.append(littleEndian: low)
        bytes.1.append(littleEndian: high)
        return bytes
    }

    /// NaN is left out; a zero bound covers both zeros: -0.0 as smallest, +0.0 as largest.
    private static func doubles(_ values: Span<Double>) -> ([UInt8], [UInt8])? {
        var low = Double.infinity
        var high = -Double.infinity
        var hasNumber = false
        for index in 0..<values.count {
            let value = values[index]
            // Comparisons with NaN are false.
            hasNumber = hasNumber || value == value
            low = value < low ? value : low
            high = value > high ? value : high
        }
        guard hasNumber else { return nil }
        var bytes: ([UInt8], [UInt8]) = ([], [])
        bytes.0.append(littleEndian: (low == 0 ? -0.0 : low).bitPattern)
        bytes.1.append(littleEndian: (high == 0 ? 0.0 : high).bitPattern)
        return bytes
    }

    private static func decimals(_ values: Span<Int128>) -> ([UInt8], [UInt8]) {
        var low = Int128(bigEndian: values[0])
        var high = low
        for index in 1..<values.count {
            low = Swift.min(low, Int128(bigEndian: values[index]))
            high = Swift.max(high, Int128(bigEndian: values[index]))
        }
        var bytes: ([UInt8], [UInt8]) = ([], [])
        bytes.0.append(littleEndian: low.bigEndian)
        bytes.1.append(littleEndian: high.bigEndian)
        return bytes
    }

    /// A prefix, of whole characters where it is text: not greater than the string.
    static func lowerBound(_ string: [UInt8], isText: Bool) -> [UInt8] {
        guard string.count > stringBytesMax else { return string }
        guard isText else { return Array(string[..<stringBytesMax]) }
        return Array(string[..<characterStart(string, atOrBefore: stringBytesMax)])
    }

    /// A prefix with its last byte, or of text its last character, raised: greater than the string.
    ///
    /// It is the string itself when nothing of the prefix can be raised.
    static func upperBound(_ string: [UInt8], isText: Bool) -> [UInt8] {
        guard string.count > stringBytesMax else { return string }
        guard isText else {
            guard let last = string[..<stringBytesMax].lastIndex(where: { $0 != 0xff }) else {
                return string
            }
            return string[..<last] + [string[last] + 1]
        }
        var end = characterStart(string, atOrBefore: stringBytesMax)
        while end > 0 {
            let start = characterStart(string, atOrBefore: end - 1)
            let text = String(decoding: string[start..<end], as: UTF8.self)
            if let scalar = text.unicodeScalars.first, let next = successor(of: scalar) {
                return string[..<start] + Array(String(next).utf8)
            }
            end = start
        }
        return string
    }

    private static func characterStart(_ string: [UInt8], atOrBefore index: Int) -> Int {
        var start = index
        while start > 0 && string[start] & 0xc0 == 0x80 { start -= 1 }
        return start
    }

    private static func successor(of scalar: Unicode.Scalar) -> Unicode.Scalar? {
        // The surrogates are no characters.
        Unicode.Scalar(scalar.value == 0xd7ff ? 0xe000 : scalar.value + 1)
    }
}

extension ChunkValues.StringValues {
    /// The smallest and the largest string by bytes.
    fileprivate func extremes(_ range: Range<Int>) -> ([UInt8], [UInt8]) {
        let codes = codes.span(of: Int32.self)
        var low = codes[range.lowerBound]
        var high = low
        guard !isSorted else {
            for index in range {
                low = min(low, codes[index])
                high = max(high, codes[index])
            }
            return (bytes(low), bytes(high))
        }
        // Most strings are told apart by their first bytes.
        var prefixes = (low: prefix(low), high: prefix(high))
        for index in range {
            let code = codes[index]
            let prefix = prefix(code)
            if prefix < prefixes.low || (prefix == prefixes.low && precedes(code, low)) {
                (low, prefixes.low) = (code, prefix)
            }
            if prefix > prefixes.high || (prefix == prefixes.high && precedes(high, code)) {
                (high, prefixes.high) = (code, prefix)
            }
        }
        return (bytes(low), bytes(high))
    }

    /// The first eight bytes as a number of the same order, zeros for those that are not there.
    @inline(__always)
    private func prefix(_ code: Int32) -> UInt64 {
        let range = entries.range(at: Int(code))
        let bytes = unsafe entries.bytes.unsafeBytes
        guard range.lowerBound + 8 <= bytes.count else {
            var word: UInt64 = 0
            for (place, index) in range.enumerated() {
                unsafe word |= UInt64(bytes[index]) << UInt64(56 - 8 * place)
            }
            return word
        }
        // Safe: eight bytes begin there; those behind the string are cut off.
        let word = unsafe UInt64(
            bigEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self))
        return range.count >= 8 ? word : word & ~(UInt64.max >> UInt64(8 * range.count))
    }

    private func precedes(_ left: Int32, _ right: Int32) -> Bool {
        unsafe left != right
            && entries.unsafeBytes(at: Int(left))
                .lexicographicallyPrecedes(entries.unsafeBytes(at: Int(right)))
    }

    private func bytes(_ code: Int32) -> [UInt8] {
        unsafe Array(entries.unsafeBytes(at: Int(code)))
    }
}
