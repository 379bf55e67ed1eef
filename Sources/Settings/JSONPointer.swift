import JSON

/// The way from the root of a tree to a value, as RFC 6901 writes it.
public struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    /// One step of the way.
    public enum Step: Hashable, Sendable {
        /// To the member of an object.
        case key(String)
        /// To the element of an array.
        case index(Int)
    }

    /// The steps, from the root on.
    public var steps: [Step]

    /// The root, or the object that is spoken of.
    public static let here = JSONPointer()

    /// A way; none is the root.
    public init(steps: [Step] = []) { self.steps = steps }

    /// One way after another.
    public static func + (left: JSONPointer, right: JSONPointer) -> JSONPointer {
        JSONPointer(steps: left.steps + right.steps)
    }

    /// The pointer of a member.
    public subscript(_ key: String) -> JSONPointer { JSONPointer(steps: steps + [.key(key)]) }

    /// The pointer of an element.
    public subscript(_ index: Int) -> JSONPointer { JSONPointer(steps: steps + [.index(index)]) }

    /// As RFC 6901 writes it: `/queries/0/select`.
    public var description: String {
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
