/// The path and the query of a request, decoded once and strictly.
struct RequestTarget: Equatable {
    /// The components of the path.
    let path: [String]
    /// Names and values of the query; the first of a name counts.
    let query: [String: String]

    /// `nil` for a target that is no absolute path, or one with what a path here never has: empty
    /// components, `.`, `..`, backslashes, encoded slashes, NULs, or escapes that are none.
    init?(_ target: String) {
        let parts = target.split(
            separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let written = parts.first, written.hasPrefix("/"), !target.contains("#") else {
            return nil
        }
        var path: [String] = []
        if written != "/" {
            for part in written.dropFirst().split(
                separator: "/", omittingEmptySubsequences: false)
            {
                guard let component = Self.decoded(part, isQuery: false), !component.isEmpty,
                    component != ".", component != "..",
                    !component.utf8.contains(where: { $0 == 0x2F || $0 == 0x5C })
                else { return nil }
                path.append(component)
            }
        }
        var query: [String: String] = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(halves[0], isQuery: true),
                let value = halves.count > 1 ? Self.decoded(halves[1], isQuery: true) : ""
            else { return nil }
            if query[name] == nil { query[name] = value }
        }
        self.path = path
        self.query = query
    }

    /// One percent-decoding: UTF-8 without NUL.
    private static func decoded(_ text: Substring, isQuery: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexDigit),
                    let low = rest.popFirst().flatMap(hexDigit)
                else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where isQuery: bytes.append(UInt8(ascii: " "))
            case 0x21...0x7E: bytes.append(byte)
            default: return nil
            }
        }
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
