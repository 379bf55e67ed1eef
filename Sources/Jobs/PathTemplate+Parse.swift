extension PathTemplate {
    /// Reads a template; `nil` when a brace is not closed, or a place has no name made of letters,
    /// digits and `_`.
    public init?(parsing text: String) {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            guard let close = rest[open...].firstIndex(of: "}") else { return nil }
            let name = rest[rest.index(after: open)..<close]
            let isName = name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x5F
            }
            guard !name.isEmpty, isName else { return nil }
            parts.append(.place(String(name)))
            rest = rest[rest.index(after: close)...]
        }
        guard !rest.contains("}") else { return nil }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.init(parts: parts)
    }

    /// The text with every place filled in; `nil` when a value is missing.
    public func text(_ values: [String: String]) -> String? {
        var text = ""
        for part in parts {
            switch part {
            case .text(let piece): text += piece
            case .place(let name):
                guard let value = values[name] else { return nil }
                text += value
            }
        }
        return text
    }

    /// What the places stand for when the end of a path matches this pattern, or `nil`.
    ///
    /// A place that occurs twice must stand for the same text both times.
    public func match(_ path: String) -> [String: String]? {
        let bytes = Array(path.utf8)
        let starts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "/") }.map { $0 + 1 }
        // The longest tail first, so that a pattern that begins with a place is not cut short.
        for start in starts {
            let depth = bytes[start...].count { $0 == UInt8(ascii: "/") }
            guard depth == slashes else { continue }
            var values: [String: String] = [:]
            if match(bytes[start...], parts[...], &values) { return values }
        }
        return nil
    }

    private var slashes: Int {
        parts.reduce(0) { count, part in
            guard case .text(let text) = part else { return count }
            return count + text.utf8.count { $0 == UInt8(ascii: "/") }
        }
    }

    private func match(
        _ bytes: ArraySlice<UInt8>, _ parts: ArraySlice<Part>, _ values: inout [String: String]
    ) -> Bool {
        guard let part = parts.first else { return bytes.isEmpty }
        switch part {
        case .text(let text):
            guard bytes.starts(with: text.utf8) else { return false }
            return match(bytes.dropFirst(text.utf8.count), parts.dropFirst(), &values)
        case .place(let name):
            let reach = bytes.prefix { $0 != UInt8(ascii: "/") }.count
            guard reach > 0 else { return false }
            for length in 1...reach {
                let found = String(decoding: bytes.prefix(length), as: UTF8.self)
                if let known = values[name], known != found { continue }
                var attempt = values
                attempt[name] = found
                if match(bytes.dropFirst(length), parts.dropFirst(), &attempt) {
                    values = attempt
                    return true
                }
            }
            return false
        }
    }
}
