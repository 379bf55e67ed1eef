import Columnar

/// Sixteen hexadecimal digits that stand for some texts.
func fingerprint(of parts: [String]) -> String {
    var text = parts.joined(separator: "\n")
    let hash = text.withUTF8 { unsafe hashBytes(UnsafeRawBufferPointer($0)) }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
