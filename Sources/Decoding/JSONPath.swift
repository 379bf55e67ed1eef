/// The way to a value in a JSON object: its keys from the outside in.
///
///     trade.price              keys with dots between them
///     quote['05. price']       a key in quotes, of any characters
///     bids[0][1], bids.0.1     the element of an array by its index from 0
///     $.trade.price            `$` is the object itself, as in Spark's `get_json_object`
///
/// A key without quotes that has dots itself is found, too: `quote.05. price` is the value under
/// `quote` and `05`, or, where there is no such thing, the one under `quote` and `05. price`.
struct JSONPath {
    /// Why a text is no path.
    struct Fault: Error {
        let reason: String
    }

    /// The keys in the order in which they are looked for: as written, then with dots inside keys.
    private(set) var readings: [[String]] = []

    /// With more dots than these a path has one reading.
    private static let joinsMax = 5

    private struct Step {
        var key: String
        /// Whether the dot behind it may be a part of a key.
        var mayJoin = false
    }

    /// The line itself.
    static let line = JSONPath()

    private init() { readings = [[]] }

    /// Reads the path of an array whose elements are rows: `$` is the line itself.
    init(exploded text: String) throws(Fault) {
        if text == "$" { self = .line } else { try self.init(parsing: text) }
    }

    /// Reads a path.
    init(parsing text: String) throws(Fault) {
        let steps = try Self.steps(of: text)
        let joins = steps.indices.filter { steps[$0].mayJoin }
        readings = [steps.map(\.key)]
        guard !joins.isEmpty, joins.count <= Self.joinsMax else { return }
        for choice in 1..<(1 << joins.count) {
            var keys: [String] = []
            var joinsNext = false
            for (index, step) in steps.enumerated() {
                if joinsNext, let last = keys.popLast() {
                    keys.append(last + "." + step.key)
                } else {
                    keys.append(step.key)
                }
                joinsNext = joins.firstIndex(of: index).map { choice >> $0 & 1 == 1 } ?? false
            }
            readings.append(keys)
        }
    }

    private static func steps(of text: String) throws(Fault) -> [Step] {
        var rest = text[...]
        if rest.hasPrefix("$.") || rest.hasPrefix("$[") { rest = rest.dropFirst() }
        if rest.hasPrefix("."), rest.startIndex > text.startIndex { rest = rest.dropFirst() }
        var steps: [Step] = []
        var isAfterBracket = false
        while let first = rest.first {
            switch first {
            case "[":
                steps.append(Step(key: try bracketed(&rest)))
                isAfterBracket = true
                continue
            case "`":
                rest = rest.dropFirst()
                guard let end = rest.firstIndex(of: "`") else {
                    throw Fault(reason: "a ` is not closed")
                }
                steps.append(Step(key: String(rest[..<end])))
                rest = rest[rest.index(after: end)...]
            case "." where isAfterBracket:
                rest = rest.dropFirst()
                isAfterBracket = false
                guard !rest.isEmpty else { throw Self.emptyKey }
                continue
            default:
                guard !isAfterBracket else {
                    throw Fault(reason: "a dot or [ has to follow a ]")
                }
                let end = rest.firstIndex { $0 == "." || $0 == "[" } ?? rest.endIndex
                steps.append(Step(key: String(rest[..<end])))
                rest = rest[end...]
                if rest.first == ".", rest.dropFirst().first.map({ $0 != "`" }) ?? false {
                    steps[steps.count - 1].mayJoin = true
                }
            }
            guard let last = steps.last, !last.key.isEmpty else { throw Self.emptyKey }
            if rest.first == "." {
                rest = rest.dropFirst()
                guard !rest.isEmpty, rest.first != ".", rest.first != "[" else {
                    throw Self.emptyKey
                }
            } else if let next = rest.first, next != "[" {
                throw Fault(reason: "a dot or [ has to follow a key in quotes")
            }
        }
        guard !steps.isEmpty else { throw emptyKey }
        return steps
    }

    private static var emptyKey: Fault {
        Fault(
            reason: "it has an empty key; write keys with single dots between them, and a key with "
                + "dots at its end in quotes: ['key.']")
    }

    /// Takes `[0]`, `['key']` or `["key"]` from the front.
    private static func bracketed(_ rest: inout Substring) throws(Fault) -> String {
        rest = rest.dropFirst()
        guard let quote = rest.first, quote == "'" || quote == "\"" else {
            guard let end = rest.firstIndex(of: "]") else {
                throw Fault(reason: "a [ is not closed")
            }
            let index = String(rest[..<end])
            guard !index.isEmpty, index.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
                throw Fault(
                    reason: "[\(index)] is no index from 0; write a key in quotes: ['\(index)']")
            }
            rest = rest[rest.index(after: end)...]
            return index
        }
        rest = rest.dropFirst()
        guard let end = rest.firstIndex(of: quote) else {
            throw Fault(reason: "a quote behind [ is not closed")
        }
        let key = String(rest[..<end])
        rest = rest[rest.index(after: end)...]
        guard rest.first == "]" else { throw Fault(reason: "a ] has to follow a key in quotes") }
        rest = rest.dropFirst()
        guard !key.isEmpty else { throw emptyKey }
        return key
    }
}
