internal import CSimdjson

extension JSONValue {
    /// What a text may be at most; a text beyond it is an error.
    public struct Limits: Sendable {
        /// Bytes of the text.
        public var bytesMax: Int
        /// Arrays and objects inside one another; at most 512, since reading recurses.
        public var depthMax: Int

        /// Limits; by default 16 MiB and 64 levels.
        public init(bytesMax: Int = 16 << 20, depthMax: Int = 64) {
            precondition(bytesMax < 1 << 30, "a JSON text is limited to less than 1 GiB")
            precondition((1...512).contains(depthMax), "JSON may nest 1 to 512 levels")
            self.bytesMax = bytesMax
            self.depthMax = depthMax
        }
    }

    /// What happens to an object that has a key twice.
    public enum DuplicateKeys: Sendable {
        /// It is an error that names both places.
        case refuse
        /// All members are kept; looking up a key finds the first.
        case keep
    }

    /// Reads one JSON text (RFC 8259, UTF-8, no byte order mark).
    ///
    /// - Throws: the first fault, with its byte offset.
    public static func parse(
        _ text: [UInt8], limits: Limits = Limits(), duplicateKeys: DuplicateKeys = .refuse
    ) throws(JSONError) -> JSONValue {
        guard text.count <= limits.bytesMax else {
            throw JSONError(
                .tooLarge,
                "The text has \(text.count) bytes; at most \(limits.bytesMax) are allowed.",
                offset: limits.bytesMax)
        }
        // A byte order mark of UTF-16 says more than the fault that its bytes would give.
        if text.starts(with: [0xFF, 0xFE]) || text.starts(with: [0xFE, 0xFF]) {
            throw JSONError(
                .notUTF8, "The text is UTF-16, not UTF-8; save it in that encoding.", offset: 0)
        }
        if text.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw JSONError(
                .badStructure, "The text begins with a byte order mark; save it without.",
                offset: 0)
        }
        var fault: UInt32 = 0
        var faultOffset = 0
        // Safe: the shim copies the bytes and keeps no pointer to them.
        let parsed = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe csimdjson_document_parse(
                bytes.baseAddress, bytes.count, UInt32(limits.depthMax), &fault, &faultOffset)
        }
        guard let document = unsafe parsed else {
            throw JSONError(fault: fault, offset: faultOffset, in: text, limits: limits)
        }
        defer { unsafe csimdjson_document_free(document) }
        // Safe: both lie in the document, which lives until this function returns.
        let tree = unsafe JSONTree(
            nodes: UnsafeBufferPointer(
                start: csimdjson_document_nodes(document),
                count: csimdjson_document_node_count(document)),
            text: csimdjson_document_text(document), source: text, duplicateKeys: duplicateKeys)
        return try unsafe tree.value(at: 0)
    }

    /// Reads one JSON text from a string.
    public static func parse(
        _ text: String, limits: Limits = Limits(), duplicateKeys: DuplicateKeys = .refuse
    ) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), limits: limits, duplicateKeys: duplicateKeys)
    }
}

/// Turns the shim's flat list of nodes into values.
@unsafe private struct JSONTree {
    let nodes: UnsafeBufferPointer<csimdjson_node>
    let text: UnsafePointer<UInt8>?
    let source: [UInt8]
    let duplicateKeys: JSONValue.DuplicateKeys

    func range(_ node: csimdjson_node) -> Range<Int> {
        Int(node.offset)..<Int(node.offset) + Int(node.length)
    }

    func string(_ node: csimdjson_node) -> String {
        // Safe: the shim wrote offset and length for this text, which it had validated as UTF-8.
        unsafe String(
            decoding: UnsafeBufferPointer(
                start: text.map { unsafe $0 + Int(node.text_offset) },
                count: Int(node.text_length)),
            as: UTF8.self)
    }

    func value(at index: Int) throws(JSONError) -> JSONValue {
        let node = unsafe nodes[index]
        let range = unsafe range(node)
        switch Int(node.kind) {
        case csimdjson_node_null: return JSONValue(.null, range: range)
        case csimdjson_node_false: return JSONValue(.bool(false), range: range)
        case csimdjson_node_true: return JSONValue(.bool(true), range: range)
        case csimdjson_node_string: return unsafe JSONValue(.string(string(node)), range: range)
        case csimdjson_node_number: return unsafe JSONValue(try number(range), range: range)
        case csimdjson_node_array:
            return unsafe JSONValue(.array(try elements(index, node)), range: range)
        case csimdjson_node_object:
            return unsafe JSONValue(.object(try members(index, node)), range: range)
        default: preconditionFailure("the shim gave a key where a value belongs")
        }
    }

    private func number(_ range: Range<Int>) throws(JSONError) -> JSONValue.Kind {
        let literal = unsafe String(decoding: source[range], as: UTF8.self)
        // "-0" is a double: an integer would lose its sign.
        if literal != "-0", let integer = Int64(literal) { return .integer(integer) }
        guard let value = Double(literal), value.isFinite else {
            throw JSONError(
                .badNumber, "The number \(literal) is beyond the range of a double.",
                offset: range.lowerBound)
        }
        return .number(value, literal: literal)
    }

    private func elements(_ index: Int, _ node: csimdjson_node) throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        var next = index + 1
        while next < Int(node.end) {
            elements.append(try unsafe value(at: next))
            next = Int(unsafe nodes[next].end)
        }
        return elements
    }

    private func members(_ index: Int, _ node: csimdjson_node) throws(JSONError) -> [JSONMember] {
        var members: [JSONMember] = []
        var seen: [[UInt8]: Int] = [:]
        var next = index + 1
        while next < Int(node.end) {
            let keyNode = unsafe nodes[next]
            let key = unsafe string(keyNode)
            let keyRange = unsafe range(keyNode)
            let first = seen.updateValue(keyRange.lowerBound, forKey: Array(key.utf8))
            if let first, case .refuse = unsafe duplicateKeys {
                throw JSONError(
                    .duplicateKey, "The key \"\(key)\" is there twice; remove one of them.",
                    offset: keyRange.lowerBound, relatedOffset: first)
            }
            members.append(
                JSONMember(key, try unsafe value(at: next + 1), keyRange: keyRange))
            next = Int(unsafe nodes[next + 1].end)
        }
        return members
    }
}

extension JSONError {
    /// The error for a fault that the shim reports.
    init(fault: UInt32, offset: Int, in text: [UInt8], limits: JSONValue.Limits) {
        switch Int(fault) {
        case csimdjson_fault_memory:
            self.init(.noMemory, "There is no memory for the document.", offset: offset)
        case csimdjson_fault_empty:
            self.init(.empty, "The text is empty; a JSON value is expected.", offset: 0)
        case csimdjson_fault_utf8:
            self.init(
                .notUTF8, "The text is not UTF-8; save it in that encoding.",
                offset: Self.offsetOfBadUTF8(in: text))
        case csimdjson_fault_control_character:
            self.init(
                .badString,
                "A string holds a line break or control character; "
                    + "close the string before it, or escape it (\\n, \\t, \\u0000).",
                offset: offset)
        case csimdjson_fault_unclosed_string:
            self.init(.badString, "A string is not closed; add a \".", offset: offset)
        case csimdjson_fault_depth:
            self.init(
                .tooDeep, "Values are nested more than \(limits.depthMax) levels deep.",
                offset: offset)
        case csimdjson_fault_string:
            self.init(
                .badString,
                "A string holds an escape that JSON does not know; write a backslash as \\\\.",
                offset: offset)
        case csimdjson_fault_number:
            self.init(
                .badNumber, "\(Self.word(at: offset, in: text)) is no number.", offset: offset)
        case csimdjson_fault_literal:
            self.init(
                .badLiteral,
                "\(Self.word(at: offset, in: text)) is no JSON value; did you mean a string, "
                    + "true, false or null?",
                offset: offset)
        case csimdjson_fault_trailing:
            self.init(
                .trailingText,
                "Nothing may follow the value, but \(Self.word(at: offset, in: text)) does.",
                offset: offset)
        default:
            self.init(.badStructure, Self.structureMessage(at: offset, in: text), offset: offset)
        }
    }

    private static func offsetOfBadUTF8(in text: [UInt8]) -> Int {
        do {
            _ = try UTF8Span(validating: text.span)
            return 0
        } catch {
            return error.byteOffsets.lowerBound
        }
    }

    private static func structureMessage(at offset: Int, in text: [UInt8]) -> String {
        guard offset < text.count else {
            return "The text ends too early; a closing bracket is missing."
        }
        let found = word(at: offset, in: text)
        let before = text[..<offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        switch (before, text[offset]) {
        case (UInt8(ascii: ","), UInt8(ascii: "]")), (UInt8(ascii: ","), UInt8(ascii: "}")):
            return "Nothing stands between the comma and \(found); remove the comma."
        case (_, UInt8(ascii: "/")):
            return "JSON has no comments; use a \"//\" key instead."
        case (UInt8(ascii: "{"), _), (UInt8(ascii: ","), _), (UInt8(ascii: "["), _),
            (UInt8(ascii: ":"), _), (nil, _):
            return "A key or value in JSON's notation is expected, but found \(found)."
        default:
            return "A comma, a colon or a closing bracket is expected before \(found)."
        }
    }

    /// The word or sign at an offset, quoted and cut, for messages.
    private static func word(at offset: Int, in text: [UInt8]) -> String {
        guard offset < text.count else { return "the end of the text" }
        let rest = text[offset...].prefix(20)
        let ends: [UInt8] = Array(" \t\r\n,]}:".utf8)
        let end = rest.dropFirst().firstIndex { ends.contains($0) } ?? rest.endIndex
        let single = Array("{}[],:\"".utf8).contains(text[offset])
        let bytes = single ? rest.prefix(1) : rest[..<end]
        return "'" + JSONValue.escaped(String(decoding: bytes, as: UTF8.self)) + "'"
    }
}
