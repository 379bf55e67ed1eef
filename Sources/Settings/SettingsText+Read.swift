import JSON

extension SettingsText {
    /// The most bytes of a text of settings.
    private static let bytesMax = 1 << 20

    /// Reads a file's bytes: parses, drops comments, fills in variables.
    ///
    /// - Returns: the text, and the faults of its variables.
    /// - Throws: the fault that keeps the file from being JSON.
    public static func read(
        _ bytes: [UInt8], file: String, environment: Variables
    ) throws(SettingFault) -> (text: SettingsText, faults: [SettingFault]) {
        let tree: JSONValue
        do {
            tree = try JSONValue.parse(bytes, limits: .init(bytesMax: bytesMax))
        } catch {
            var message = error.message
            if let first = error.relatedOffset {
                message += " The first one is at \(TextPosition(offset: first, in: bytes))."
            }
            throw SettingFault(
                code: error.code == .duplicateKey ? .duplicate : .notJSON, file: file,
                position: TextPosition(offset: error.offset, in: bytes), pointer: "",
                message: message, suggestion: nil)
        }
        var filling = VariableFilling(environment: environment)
        let root = filling.filled(tree, JSONPointer())
        let text = SettingsText(
            file: file, bytes: bytes, root: root, unexpanded: tree.withoutComments,
            expanded: filling.expanded)
        let faults = filling.faults.map { fault in
            text.fault(
                .badVariable, fault.message, at: fault.offset, pointer: fault.pointer,
                suggestion: fault.suggestion)
        }
        return (text, faults)
    }
}

extension JSONValue {
    /// The tree without the members whose key begins with `//`.
    fileprivate var withoutComments: JSONValue {
        switch kind {
        case .array(let elements): .array(elements.map(\.withoutComments))
        case .object(let members):
            .object(
                members.filter { !$0.key.hasPrefix("//") }.map {
                    ($0.key, $0.value.withoutComments)
                })
        default: self
        }
    }
}

/// Replaces `${NAME}`, `${NAME:-default}` and `${file:PATH}` in string values, and drops comments:
/// members whose key begins with `//`.
private struct VariableFilling {
    struct Fault {
        let message: String
        let offset: Int
        let pointer: JSONPointer
        let suggestion: String?
    }

    let environment: Variables
    var faults: [Fault] = []
    var expanded: Set<Int> = []

    mutating func filled(_ value: JSONValue, _ pointer: JSONPointer) -> JSONValue {
        switch value.kind {
        case .string(let text):
            guard text.contains("${") else { return value }
            expanded.insert(value.range.lowerBound)
            return JSONValue(.string(filled(text, value, pointer)), range: value.range)
        case .array(let elements):
            var items: [JSONValue] = []
            for (index, element) in elements.enumerated() {
                items.append(filled(element, pointer[index]))
            }
            return JSONValue(.array(items), range: value.range)
        case .object(let members):
            var kept: [JSONMember] = []
            for member in members where !member.key.hasPrefix("//") {
                let item = filled(member.value, pointer[member.key])
                kept.append(JSONMember(member.key, item, keyRange: member.keyRange))
            }
            return JSONValue(.object(kept), range: value.range)
        default: return value
        }
    }

    private mutating func filled(
        _ text: String, _ value: JSONValue, _ pointer: JSONPointer
    ) -> String {
        var output = ""
        var rest = text.unicodeScalars[...]
        while let dollar = rest.firstIndex(of: "$") {
            output.unicodeScalars += rest[..<dollar]
            let after = rest[rest.index(after: dollar)...]
            guard after.first == "{" else {
                output += "$"
                rest = after
                continue
            }
            guard let close = after.firstIndex(of: "}") else {
                note("A \"${\" is not closed; write ${NAME} or ${NAME:-default}.", value, pointer)
                return text
            }
            let inside = String(after[after.index(after: after.startIndex)..<close])
            output += self.value(of: inside, value, pointer)
            rest = after[after.index(after: close)...]
        }
        output.unicodeScalars += rest
        return output
    }

    private mutating func value(
        of reference: String, _ value: JSONValue, _ pointer: JSONPointer
    ) -> String {
        if reference.hasPrefix(Variables.filePrefix) {
            if let text = environment[reference] { return text }
            let path = reference.dropFirst(Variables.filePrefix.count)
            note(
                "The file \"\(JSONValue.escaped(String(path)))\" of a variable cannot be read as text "
                    + "of at most 64 KiB; write it, or name another: ${file:/run/secrets/name}.",
                value, pointer)
            return ""
        }
        let parts = reference.split(separator: ":-", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let isName =
            !name.isEmpty
            && name.utf8.allSatisfy { $0.isNameByte && $0 != 0x2E && $0 != 0x2D }
        guard isName else {
            note(
                "\"${\(JSONValue.escaped(reference))}\" names no environment variable; "
                    + "write ${NAME} or ${NAME:-default}.", value, pointer)
            return ""
        }
        if let known = environment[name], !known.isEmpty || parts.count == 1 { return known }
        if parts.count == 2 { return String(parts[1]) }
        let nearest = nearestVariable(to: name)
        note(
            "The environment variable \(name) is not set." + didYouMean(nearest)
                + " Set it, or give a default: ${\(name):-default}.", value, pointer, nearest)
        return ""
    }

    /// Only names are looked at and shown, never values: they may be secrets.
    private func nearestVariable(to name: String) -> String? {
        environment.names.first { $0.uppercased() == name.uppercased() }
    }

    private mutating func note(
        _ message: String, _ value: JSONValue, _ pointer: JSONPointer, _ suggestion: String? = nil
    ) {
        faults.append(
            Fault(
                message: message, offset: value.range.lowerBound, pointer: pointer,
                suggestion: suggestion))
    }
}
