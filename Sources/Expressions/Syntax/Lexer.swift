/// Cuts an expression's text into words by Spark's rules.
struct Lexer {
    static let textBytesMax = 64 << 10

    private let text: [UInt8]
    private var position = 0

    private init(_ text: String) { self.text = Array(text.utf8) }

    /// The words of a text, the last of which is `.end`.
    static func tokens(of text: String) throws(ExpressionError) -> [Token] {
        guard text.utf8.count <= textBytesMax else {
            throw ExpressionError(
                .limitExceeded,
                "An expression may have at most \(textBytesMax) bytes, this one has "
                    + "\(text.utf8.count): split it into several columns or queries.",
                at: 0..<text.utf8.count)
        }
        var lexer = Lexer(text)
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private func peek(_ ahead: Int = 0) -> UInt8 {
        position + ahead < text.count ? text[position + ahead] : 0
    }

    private func string(_ range: Range<Int>) -> String {
        String(decoding: text[range], as: UTF8.self)
    }

    private mutating func next() throws(ExpressionError) -> Token {
        try skipBlanks()
        let start = position
        guard position < text.count else { return Token(kind: .end, range: start..<start) }
        let byte = peek()
        if Self.isDigit(byte) || (byte == UInt8(ascii: ".") && Self.isDigit(peek(1))) {
            return try number()
        }
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
            return try quotedString(isRaw: false, from: start)
        }
        let isRawPrefix = byte | 0x20 == UInt8(ascii: "r")
        if isRawPrefix, peek(1) == UInt8(ascii: "'") || peek(1) == UInt8(ascii: "\"") {
            position += 1
            return try quotedString(isRaw: true, from: start)
        }
        if byte == UInt8(ascii: "`") { return try quotedIdentifier() }
        if Self.isLetter(byte) {
            while Self.isLetter(peek()) || Self.isDigit(peek()) { position += 1 }
            return Token(
                kind: .identifier(string(start..<position), isQuoted: false),
                range: start..<position)
        }
        return try symbol()
    }

    private mutating func skipBlanks() throws(ExpressionError) {
        while position < text.count {
            let byte = peek()
            if byte == 0x20 || (0x09...0x0D).contains(byte) {
                position += 1
            } else if byte == UInt8(ascii: "-"), peek(1) == byte {
                while position < text.count, peek() != 0x0A { position += 1 }
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                let start = position
                position += 2
                while !(peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) {
                    guard position < text.count else {
                        throw ExpressionError(
                            .parseSyntaxError, "This comment is not closed: end it with '*/'.",
                            at: start..<text.count)
                    }
                    position += 1
                }
                position += 2
            } else {
                return
            }
        }
    }

    private mutating func symbol() throws(ExpressionError) -> Token {
        let start = position
        for symbol in ["<=>", "<=", ">=", "<>", "!=", "==", "||", "::"]
        where text[position...].starts(with: symbol.utf8) {
            position += symbol.utf8.count
            return Token(kind: .symbol(symbol), range: start..<position)
        }
        let single = Character(Unicode.Scalar(peek()))
        if "+-*/%()=<>,.!".contains(single) {
            position += 1
            return Token(kind: .symbol(String(single)), range: start..<position)
        }
        var end = start + 1
        while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
        throw ExpressionError(
            .parseSyntaxError, "The character '\(string(start..<end))' means nothing here.",
            at: start..<end)
    }

    private mutating func number() throws(ExpressionError) -> Token {
        let start = position
        var hasPoint = false
        var hasExponent = false
        while Self.isDigit(peek()) { position += 1 }
        if peek() == UInt8(ascii: ".") {
            hasPoint = true
            position += 1
            while Self.isDigit(peek()) { position += 1 }
        }
        let sign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
        if peek() | 0x20 == UInt8(ascii: "e"), Self.isDigit(peek(1 + sign)) {
            hasExponent = true
            position += 1 + sign
            while Self.isDigit(peek()) { position += 1 }
        }
        let digits = string(start..<position)
        let suffixStart = position
        while Self.isLetter(peek()) || Self.isDigit(peek()) { position += 1 }
        let range = start..<position
        switch string(suffixStart..<position).uppercased() {
        case "":
            if hasExponent { return Token(kind: .double(digits), range: range) }
            return Token(kind: hasPoint ? .decimal(digits) : .integer(digits), range: range)
        case "D": return Token(kind: .double(digits), range: range)
        case "BD": return Token(kind: .decimal(digits), range: range)
        case "L" where !hasPoint && !hasExponent: return Token(kind: .long(digits), range: range)
        default:
            throw ExpressionError(
                .parseSyntaxError,
                "'\(string(range))' is not a number: the suffixes are L (long), D (double) and "
                    + "BD (decimal); a name that starts with a digit is written in backticks.",
                at: range)
        }
    }

    private mutating func quotedIdentifier() throws(ExpressionError) -> Token {
        let start = position
        var name: [UInt8] = []
        position += 1
        while position < text.count {
            let byte = peek()
            position += 1
            if byte != UInt8(ascii: "`") {
                name.append(byte)
            } else if peek() == byte {
                name.append(byte)
                position += 1
            } else if name.isEmpty {
                break
            } else {
                return Token(
                    kind: .identifier(String(decoding: name, as: UTF8.self), isQuoted: true),
                    range: start..<position)
            }
        }
        throw ExpressionError(
            .parseSyntaxError, "A quoted name is `name`, with something between two backticks.",
            at: start..<position)
    }

    private mutating func quotedString(
        isRaw: Bool, from start: Int
    ) throws(ExpressionError) -> Token {
        let quote = peek()
        var content: [UInt8] = []
        position += 1
        while position < text.count {
            let byte = peek()
            position += 1
            if byte == quote {
                guard peek() == quote, !isRaw else {
                    return Token(
                        kind: .string(String(decoding: content, as: UTF8.self)),
                        range: start..<position)
                }
                content.append(quote)
                position += 1
            } else if byte == UInt8(ascii: "\\"), !isRaw {
                try appendEscape(to: &content)
            } else {
                content.append(byte)
            }
        }
        throw ExpressionError(
            .parseSyntaxError,
            "This string is not closed: end it with \(Character(Unicode.Scalar(quote))).",
            at: start..<text.count)
    }

    /// Resolves the escape after a backslash as Spark's `unescapeSQLString`.
    private mutating func appendEscape(to content: inout [UInt8]) throws(ExpressionError) {
        guard position < text.count else { return }
        let byte = peek()
        if let scalar = hexadecimalEscape(byte) ?? octalEscape() {
            content.append(contentsOf: Array(String(Character(scalar)).utf8))
            return
        }
        position += 1
        switch byte {
        case UInt8(ascii: "0"): content.append(0)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "Z"): content.append(0x1A)
        case UInt8(ascii: "%"), UInt8(ascii: "_"):
            // Kept with the backslash: these are LIKE's escapes.
            content.append(UInt8(ascii: "\\"))
            content.append(byte)
        default: content.append(byte)
        }
    }

    private mutating func hexadecimalEscape(_ byte: UInt8) -> Unicode.Scalar? {
        let digits = byte == UInt8(ascii: "u") ? 4 : byte == UInt8(ascii: "U") ? 8 : 0
        guard digits > 0, position + digits < text.count,
            let code = UInt32(string(position + 1..<position + 1 + digits), radix: 16),
            let scalar = Unicode.Scalar(code)
        else { return nil }
        position += 1 + digits
        return scalar
    }

    private mutating func octalEscape() -> Unicode.Scalar? {
        guard (UInt8(ascii: "0")...UInt8(ascii: "1")).contains(peek()),
            Self.isOctal(peek(1)), Self.isOctal(peek(2)),
            let code = UInt8(string(position..<position + 3), radix: 8)
        else { return nil }
        position += 3
        return Unicode.Scalar(code)
    }

    private static func isOctal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || byte == UInt8(ascii: "_") || byte >= 0x80
    }
}
