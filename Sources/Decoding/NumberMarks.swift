import Columnar

/// What stands in numbers in place of a decimal point, and between groups of three digits.
@unsafe
struct NumberMarks {
    let decimal: UInt8
    /// 0 for nothing.
    let group: UInt8
    /// Room for a number.
    let text: UnsafeMutablePointer<UInt8>

    /// The longest number that is read.
    static let bytesMax = 128

    /// Writes a number to `text` with a point and without groups; how long it is there, or `nil`
    /// where a group has not three digits or a point stands that means nothing.
    func plain(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        guard unsafe count <= Self.bytesMax else { return nil }
        var length = 0
        var digits = 0
        var hasGroups = false
        // Before the decimals and the exponent.
        var isWhole = true
        for index in 0..<count {
            let byte = unsafe bytes[index]
            var written = byte
            if isWhole, unsafe group != 0, unsafe byte == group {
                guard hasGroups ? digits == 3 : 1...3 ~= digits else { return nil }
                (digits, hasGroups) = (0, true)
                continue
            }
            if 0x30...0x39 ~= byte {
                digits += 1
            } else if byte != UInt8(ascii: "-"), byte != UInt8(ascii: "+") {
                if isWhole, hasGroups, digits != 3 { return nil }
                if unsafe byte == decimal {
                    guard isWhole else { return nil }
                    written = UInt8(ascii: ".")
                } else if byte == UInt8(ascii: ".") {
                    return nil
                }
                isWhole = false
            }
            unsafe text[length] = written
            length += 1
        }
        return isWhole && hasGroups && digits != 3 ? nil : length
    }
}

extension FeedColumn {
    /// Whether numbers are written with other marks than a point.
    var hasMarks: Bool {
        switch type {
        case .int, .long, .double, .decimal: decimalMark != "." || groupMark != nil
        default: false
        }
    }
}
