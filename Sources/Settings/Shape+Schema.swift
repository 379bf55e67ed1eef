import Columnar
public import JSON

extension ObjectShape {
    /// This table and every one that it leads to, each after the first one that leads to it.
    public var tables: [ObjectShape] {
        var tables: [ObjectShape] = []
        func visit(_ table: ObjectShape) {
            guard !tables.contains(where: { $0.name == table.name }) else { return }
            tables.append(table)
            for key in table.keys { key.shape.tables.forEach(visit) }
        }
        visit(self)
        return tables
    }

    /// The JSON Schema (draft 2020-12) of texts that follow this table.
    ///
    /// It accepts every text that ``SettingsChecker`` accepts, but knows less: of expressions,
    /// names of columns and rules between values nothing.
    public func jsonSchema(title: String) -> JSONValue {
        var definitions = tables.dropFirst().map { ($0.name, $0.schema) }
        definitions.append(
            (
                "variable",
                [
                    "type": "string", "pattern": JSONValue.string(variablePattern),
                    "description":
                        "Text with an environment variable: ${NAME} or ${NAME:-default}.",
                ]
            ))
        let head: [(String, JSONValue)] = [
            ("$schema", "https://json-schema.org/draft/2020-12/schema"),
            ("title", .string(title)),
        ]
        let root = (schema.members ?? []).map { ($0.key, $0.value) }
        return .object(head + root + [("$defs", .object(definitions))])
    }

    /// The table as a schema.
    private var schema: JSONValue {
        var properties: [(String, JSONValue)] = []
        var required: [JSONValue] = []
        // Comments.
        var patterns: [(String, JSONValue)] = [("^//", true)]
        if let tag = tag {
            properties.append(("format", ["const": .string(tag)]))
            if !isUsual { required.append("format") }
        }
        for key in keys {
            var described = (key.shape.schema.members ?? []).map { ($0.key, $0.value) }
            described.insert(("description", .string(key.summary)), at: 0)
            if let fallback = key.fallback { described.append(("default", fallback)) }
            if !key.examples.isEmpty { described.append(("examples", .array(key.examples))) }
            if let prefix = key.prefix {
                patterns.append(("^" + prefix.patternEscaped, .object(described)))
                continue
            }
            properties.append((key.name, .object(described)))
            if key.isRequired { required.append(.string(key.name)) }
        }
        var members: [(String, JSONValue)] = [
            ("description", .string(summary)), ("type", "object"),
            ("properties", .object(properties)),
            ("patternProperties", .object(patterns)),
            ("additionalProperties", false),
        ]
        if !required.isEmpty { members.append(("required", .array(required))) }
        if isOneKeyOnly {
            let choices = keys.map { JSONValue.object([("required", [.string($0.name)])]) }
            members.append(("oneOf", .array(choices)))
        }
        if !oneOf.isEmpty {
            let choices = oneOf.map { JSONValue.object([("required", [.string($0)])]) }
            members.append(("oneOf", .array(choices)))
        }
        return .object(members)
    }
}

/// What a text with a variable looks like (ECMA 262).
private let variablePattern = "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}"

extension Shape {
    /// The tables that values of this shape follow.
    var tables: [ObjectShape] {
        switch self {
        case .object(let table): [table]
        case .variants(_, let tables): tables
        case .list(let element, _), .map(let element): element.tables
        case .oneOf(let shapes): shapes.flatMap(\.tables)
        default: []
        }
    }

    var schema: JSONValue {
        switch self {
        case .text(let kind): return kind.schema
        case .boolean: return ["type": "boolean"]
        case .yes: return ["const": true]
        case .null: return ["type": "null"]
        case .integer(let range):
            var members: [(String, JSONValue)] = [
                ("type", "integer"), ("minimum", .integer(range.lowerBound)),
            ]
            if range.upperBound != .max { members.append(("maximum", .integer(range.upperBound))) }
            return .object(members)
        case .number(let range, let aboveLower):
            return [
                "type": "number",
                aboveLower ? "exclusiveMinimum" : "minimum": range.lowerBound.value,
                "maximum": range.upperBound.value,
            ]
        case .choice(let words):
            return [
                "anyOf": [["enum": .array(words.map { .string($0) })], variableSchema]
            ]
        case .list(let element, let count):
            return [
                "type": "array", "items": element.schema,
                "minItems": .integer(count.lowerBound), "maxItems": .integer(count.upperBound),
            ]
        case .map(let element):
            return [
                "type": "object", "patternProperties": ["^//": true],
                "additionalProperties": element.schema,
            ]
        case .object(let table): return ["$ref": .string("#/$defs/\(table.name)")]
        case .variants(_, let tables):
            return ["oneOf": .array(tables.map { Shape.object($0).schema })]
        case .oneOf(let shapes): return ["anyOf": .array(shapes.map(\.schema))]
        }
    }
}

private let variableSchema: JSONValue = ["$ref": "#/$defs/variable"]

extension TextKind {
    /// A regular expression (ECMA 262) that every good text of this kind matches, if one is useful.
    private var pattern: String? {
        switch self {
        case .any, .path, .secret: nil
        case .name, .expression: "\\S"
        case .fileName: "^(?!\\.{1,2}$)[A-Za-z0-9_.-]{1,64}$"
        // A number and a unit, without a minus; the loader knows the units.
        case .duration, .fixedDuration: "^[^-]*[0-9][^-]*[A-Za-zµμ]['\\s]*$"
        case .byteSize: "^ *[0-9]+(\\.[0-9]+)? *([Kk]|M|G|T|Ki|Mi|Gi|Ti)?B *$"
        case .timestamp: Self.timestampPattern
        case .startTime: "^now$|" + Self.timestampPattern
        case .type:
            "^ *([Bb][Oo][Oo][Ll]([Ee][Aa][Nn])?|[Ii][Nn][Tt]([Ee][Gg][Ee][Rr])?|[Ll][Oo][Nn][Gg]"
                + "|[Bb][Ii][Gg][Ii][Nn][Tt]|[Dd][Oo][Uu][Bb][Ll][Ee]|[Ss][Tt][Rr][Ii][Nn][Gg]"
                + "|[Bb][Ii][Nn][Aa][Rr][Yy]|[Dd][Aa][Tt][Ee]|[Tt][Ii][Mm][Ee][Ss][Tt][Aa][Mm][Pp]"
                + "|([Dd][Ee][Cc]([Ii][Mm][Aa][Ll])?|[Nn][Uu][Mm][Ee][Rr][Ii][Cc]) *"
                + "(\\( *[0-9]+ *(, *[0-9]+ *)?\\))?) *$"
        case .character: "^[\\x01-\\x09\\x0B\\x0C\\x0E-\\x7F]$"
        case .timeZone: "^[A-Za-z0-9_.+-][A-Za-z0-9_.+/-]*$"
        }
    }

    // Years with any number of digits: SQL has them, with a sign.
    private static let timestampPattern = "^[+-]?[0-9]{4,}(-[0-9]{1,2}(-[0-9]{1,2}([T ].*)?)?)?$"

    fileprivate var schema: JSONValue {
        guard let pattern else { return ["type": "string", "minLength": self == .any ? 0 : 1] }
        guard self != .name, self != .expression else {
            return ["type": "string", "pattern": .string(pattern)]
        }
        return ["anyOf": [["type": "string", "pattern": .string(pattern)], variableSchema]]
    }
}

extension String {
    /// The text as part of a regular expression.
    fileprivate var patternEscaped: String {
        map { $0.isLetter || $0.isNumber ? String($0) : "\\" + String($0) }.joined()
    }
}

extension Double {
    /// The number as JSON, without a fraction that is zero.
    fileprivate var value: JSONValue { Int64(exactly: self).map { .integer($0) } ?? .double(self) }
}
