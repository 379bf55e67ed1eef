import Columnar
import JSON

extension ObjectShape {
    /// The keys of this table and of all that it leads to, in Markdown.
    public var referenceTables: String {
        tables.map(\.reference).joined(separator: "\n")
    }
}

extension ObjectShape {
    /// `simulatorFeed` as "Simulator feed".
    fileprivate var title: String {
        let words = name.map { $0.isUppercase ? " " + $0.lowercased() : String($0) }.joined()
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    fileprivate var anchor: String {
        "#" + title.lowercased().map { $0 == " " ? "-" : String($0) }.joined()
    }

    fileprivate var reference: String {
        var lines = ["### \(title)", "", summary, ""]
        lines += ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
        if let tag {
            let absence = isUsual ? "`\"\(tag)\"`" : "**required**"
            lines.append("| `format` | `\"\(tag)\"` | \(absence) | Chooses this kind. |")
        }
        for key in keys {
            let examples = key.examples.map { "`\($0.text().escapedForTable)`" }
            let meaning =
                key.summary
                + (examples.isEmpty ? "" : " Example: " + examples.joined(separator: ", ") + ".")
            let absence =
                key.isRequired
                ? "**required**"
                : key.fallback.map { "`\($0.text().escapedForTable)`" } ?? key.absence ?? ""
            lines.append(
                "| `\(key.name)` | \(key.shape.reference) | \(absence) | \(meaning) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Shape {
    /// The shape in words, with links to the tables of objects.
    fileprivate var reference: String {
        switch self {
        case .text(let kind): kind.reference
        case .yes: "`true`"
        case .null: "`null`"
        case .choice(let words): words.map { "`\"\($0)\"`" }.joined(separator: ", ")
        case .list(let element, let count):
            (count.lowerBound > 0 ? "array, not empty, of: " : "array of: ") + element.reference
        case .map(let element): "object of: " + element.reference
        case .object(let table): "[\(table.title.lowercased())](\(table.anchor))"
        case .variants(_, let tables):
            tables.map { Shape.object($0).reference }.joined(separator: ", ")
        case .oneOf(let shapes): shapes.map(\.reference).joined(separator: ", or ")
        case .boolean, .integer, .number: words
        }
    }
}

extension TextKind {
    fileprivate var reference: String {
        switch self {
        case .any, .secret: "string"
        case .fileName: "name"
        case .name: "string"
        case .path: "path"
        case .expression: "expression"
        case .duration, .fixedDuration: "duration"
        case .byteSize: "size in bytes"
        case .timestamp: "timestamp"
        case .startTime: "timestamp or `\"now\"`"
        case .type: "type"
        case .character: "one ASCII character"
        case .timeZone: "time zone"
        }
    }
}

extension String {
    /// The text inside a cell: a bar would end it.
    fileprivate var escapedForTable: String {
        map { $0 == "|" ? "\\|" : String($0) }.joined()
    }
}
