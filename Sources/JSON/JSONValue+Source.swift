extension JSONValue {
    /// Where a place inside a string stands in the source it was read from.
    ///
    /// - Parameters:
    ///   - textOffset: a UTF-8 offset into the unescaped text.
    ///   - source: the text that this value was parsed from.
    /// - Returns: the byte offset of the character, or of its escape; the closing quote for the end
    ///   of the text. The start of the value if it is not a string of that source.
    public func sourceOffset(ofTextOffset textOffset: Int, in source: [UInt8]) -> Int {
        guard case .string = kind, range.count >= 2, range.upperBound <= source.count else {
            return range.lowerBound
        }
        let end = range.upperBound - 1
        var place = range.lowerBound + 1
        var text = 0
        while place < end {
            let (sourceBytes, textBytes) = Self.step(at: place, in: source)
            if text + textBytes > textOffset { return place }
            text += textBytes
            place += sourceBytes
        }
        return end
    }

    /// The bytes that the character or escape at a place of a string takes in source and text.
    ///
    /// The source was parsed, so that escapes are known to be whole.
    private static func step(at place: Int, in source: [UInt8]) -> (source: Int, text: Int) {
        guard source[place] == UInt8(ascii: "\\") else { return (1, 1) }
        guard source[place + 1] == UInt8(ascii: "u") else { return (2, 1) }
        let digits = String(decoding: source[(place + 2)..<(place + 6)], as: UTF8.self)
        let unit = Int(digits, radix: 16) ?? 0
        switch unit {
        case ..<0x80: return (6, 1)
        case ..<0x800: return (6, 2)
        case 0xD800..<0xDC00: return (12, 4)
        default: return (6, 3)
        }
    }
}
