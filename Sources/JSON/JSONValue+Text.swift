extension JSONValue {
    /// The order of an object's members in a text.
    public enum KeyOrder: Sendable {
        /// As they are in the value.
        case inserted
        /// By the bytes of the keys.
        case sorted
    }

    /// How a text is laid out.
    public enum Layout: Sendable {
        /// One line without spaces.
        case compact
        /// Two spaces a level, one member a line; arrays of scalars on one line if they are short.
        case pretty
    }

    /// The value as JSON text: the same value gives the same bytes on every machine.
    ///
    /// Doubles are written in the shortest form that reads back to the same bits; numbers that
    /// were read keep the literal of their source.
    public func text(keys: KeyOrder = .inserted, layout: Layout = .compact) -> String {
        var output = ""
        write(to: &output, keys: keys, layout: layout, level: 0)
        return output
    }

    /// The text as JSON holds it between quotes: quotes, backslashes and control characters are
    /// escaped, everything else stays as it is.
    public static func escaped(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    let hex = String(scalar.value, radix: 16)
                    output += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    output.unicodeScalars.append(scalar)
                }
            }
        }
        return output
    }

    private static let lineWidthMax = 80

    private var isScalar: Bool { elements == nil && members == nil }

    private func write(to output: inout String, keys: KeyOrder, layout: Layout, level: Int) {
        switch kind {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .integer(let value): output += value.description
        case .number(_, let literal): output += literal
        case .string(let text): output += "\"\(Self.escaped(text))\""
        case .array(let elements):
            write(elements, to: &output, keys: keys, layout: layout, level: level)
        case .object(let members):
            write(members, to: &output, keys: keys, layout: layout, level: level)
        }
    }

    private func write(
        _ elements: [JSONValue], to output: inout String, keys: KeyOrder, layout: Layout,
        level: Int
    ) {
        if case .pretty = layout, elements.allSatisfy(\.isScalar) {
            let line = "[" + elements.map { $0.text() }.joined(separator: ", ") + "]"
            if line.utf8.count + 2 * level <= Self.lineWidthMax {
                output += line
                return
            }
        }
        output += "["
        for (index, element) in elements.enumerated() {
            if index > 0 { output += "," }
            Self.breakLine(&output, layout, level + 1)
            element.write(to: &output, keys: keys, layout: layout, level: level + 1)
        }
        if !elements.isEmpty { Self.breakLine(&output, layout, level) }
        output += "]"
    }

    private func write(
        _ members: [JSONMember], to output: inout String, keys: KeyOrder, layout: Layout,
        level: Int
    ) {
        var ordered = members
        if case .sorted = keys {
            ordered.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        }
        output += "{"
        for (index, member) in ordered.enumerated() {
            if index > 0 { output += "," }
            Self.breakLine(&output, layout, level + 1)
            output += "\"\(Self.escaped(member.key))\":"
            if case .pretty = layout { output += " " }
            member.value.write(to: &output, keys: keys, layout: layout, level: level + 1)
        }
        if !ordered.isEmpty { Self.breakLine(&output, layout, level) }
        output += "}"
    }

    private static func breakLine(_ output: inout String, _ layout: Layout, _ level: Int) {
        guard case .pretty = layout else { return }
        output += "\n" + String(repeating: "  ", count: level)
    }
}
