/// One word of an expression's text.
struct Token {
    enum Kind: Equatable {
        /// A name; quoted names are never keywords.
        case identifier(String, isQuoted: Bool)
        /// Digits without point, exponent or suffix.
        case integer(String)
        /// A number with a point or the suffix `BD`.
        case decimal(String)
        /// A number with an exponent or the suffix `D`.
        case double(String)
        /// Digits with the suffix `L`.
        case long(String)
        /// A string, its escapes resolved.
        case string(String)
        /// An operator or punctuation mark.
        case symbol(String)
        case end
    }

    let kind: Kind
    /// The UTF-8 offsets of the word in the text.
    let range: Range<Int>

    /// The word in upper case when it can be a keyword.
    var keyword: String? {
        guard case .identifier(let name, isQuoted: false) = kind else { return nil }
        return name.uppercased()
    }

    /// The word for messages.
    var text: String {
        switch kind {
        case .identifier(let name, _): name
        case .integer(let digits), .decimal(let digits), .double(let digits), .long(let digits):
            digits
        case .string(let text): "'\(text)'"
        case .symbol(let symbol): symbol
        case .end: "end of the text"
        }
    }
}
