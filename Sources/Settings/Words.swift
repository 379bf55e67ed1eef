public import JSON

/// ` Did you mean "name"?`, or nothing.
public func didYouMean(_ name: String?) -> String { name.map { " Did you mean \"\($0)\"?" } ?? "" }

/// `"a", "b" or "c"`.
public func quotedList(_ names: [String], last: String = "or") -> String {
    let quoted = names.map { "\"\($0)\"" }
    guard let final = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
    return quoted.dropLast().joined(separator: ", ") + " \(last) " + final
}

extension JSONValue {
    /// The value for a message: its kind, and itself when it is short.
    public var shown: String {
        switch kind {
        case .array, .object: return kindName
        case .null: return "null"
        default:
            let text = text()
            return text.count <= 60 ? "\(kindName) (\(text))" : kindName
        }
    }
}

extension Shape {
    /// Whether a value has the JSON type of this shape; whether it is a good one is another thing.
    func takesType(of value: JSONValue) -> Bool {
        switch (self, value.kind) {
        case (.text, .string), (.choice, .string), (.boolean, .bool), (.yes, .bool),
            (.null, .null), (.integer, .integer), (.number, .integer), (.number, .number),
            (.list, .array), (.map, .object), (.object, .object), (.variants, .object):
            true
        case (.oneOf(let shapes), _): shapes.contains { $0.takesType(of: value) }
        default: false
        }
    }

    /// The shape in words, as in "Expected …".
    var words: String {
        switch self {
        case .text(let kind): kind.words
        case .boolean: "true or false"
        case .yes: "true"
        case .null: "null"
        case .integer(let range):
            range.upperBound == .max
                ? "an integer, at least \(range.lowerBound)"
                : range.count == 1
                    ? "\(range.lowerBound)"
                    : "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range, let aboveLower):
            aboveLower
                ? "a number above \(range.lowerBound.short), at most \(range.upperBound.short)"
                : "a number from \(range.lowerBound.short) to \(range.upperBound.short)"
        case .choice(let words): quotedList(words)
        case .list(let element, _): "an array (of \(element.words))"
        case .map: "an object"
        case .object(let table):
            "an object with keys such as \(quotedList(Array(table.keys.prefix(3).map(\.name))))"
        case .variants(let key, let tables):
            "an object whose \"\(key)\" is \(quotedList(tables.compactMap(\.tag)))"
        case .oneOf(let shapes): shapes.map(\.words).joined(separator: ", or ")
        }
    }
}

extension Double {
    /// The number without a fraction that is zero.
    public var short: String {
        Int64(exactly: self).map(\.description) ?? description
    }
}

extension String {
    /// The text with control characters, quotes and backslashes escaped as in JSON.
    public var escapedForMessage: String { JSONValue.escaped(self) }

    /// The text with a capital, and a full stop where it has no end yet.
    public var asSentence: String {
        let isEnded = last.map { ".?!".contains($0) } ?? false
        return prefix(1).uppercased() + dropFirst() + (isEnded ? "" : ".")
    }
}
