import JSON

/// A job file's bytes with its tree: gives every error its place.
struct JobText: Sendable {
    /// The path as the user gave it.
    let file: String
    let bytes: [UInt8]
    /// The tree without comments, variables filled in.
    let root: JSONValue
    /// The tree without comments, variables as they are written.
    let unexpanded: JSONValue
    /// The first bytes of strings whose text is not what the file says, since a variable was
    /// filled in: no place inside them can be found.
    let expanded: Set<Int>

    /// An error at a value of the tree.
    func error(
        _ code: JobError.Code, _ message: String, at offset: Int, pointer: JSONPointer,
        suggestion: String? = nil
    ) -> JobError {
        JobError(
            code: code, file: file, position: TextPosition(offset: offset, in: bytes),
            pointer: pointer.description, message: message, suggestion: suggestion)
    }

    /// The value at a pointer, or the nearest one above it that is there.
    func value(at pointer: JSONPointer) -> JSONValue {
        var value = root
        for step in pointer.steps {
            switch step {
            case .key(let key):
                guard let next = value[key] else { return value }
                value = next
            case .index(let index):
                guard let elements = value.elements, elements.indices.contains(index) else {
                    return value
                }
                value = elements[index]
            }
        }
        return value
    }

    /// The byte of the file where a place inside a string value stands.
    func offset(ofTextOffset textOffset: Int, in value: JSONValue) -> Int {
        guard !expanded.contains(value.range.lowerBound) else { return value.range.lowerBound }
        return value.sourceOffset(ofTextOffset: textOffset, in: bytes)
    }
}

/// The way from the root of a tree to a value, as RFC 6901 writes it.
struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    enum Step: Hashable, Sendable {
        case key(String)
        case index(Int)
    }

    var steps: [Step] = []

    /// The pointer of a member.
    subscript(_ key: String) -> JSONPointer { JSONPointer(steps: steps + [.key(key)]) }

    /// The pointer of an element.
    subscript(_ index: Int) -> JSONPointer { JSONPointer(steps: steps + [.index(index)]) }

    var description: String {
        steps.map { step in
            switch step {
            case .index(let index): "/\(index)"
            case .key(let key):
                "/"
                    + key.map { character -> String in
                        switch character {
                        case "~": "~0"
                        case "/": "~1"
                        default: JSONValue.escaped(String(character))
                        }
                    }.joined()
            }
        }.joined()
    }
}
