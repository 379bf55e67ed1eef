public import JSON

/// The bytes of a text of settings with its tree: gives every fault its place.
public struct SettingsText: Sendable {
    /// The path as the user gave it.
    public let file: String
    /// The text.
    public let bytes: [UInt8]
    /// The tree without comments, variables filled in.
    public let root: JSONValue
    /// The tree without comments, variables as they are written.
    public let unexpanded: JSONValue
    /// The first bytes of strings whose text is not what the file says, since a variable was
    /// filled in: no place inside them can be found.
    let expanded: Set<Int>

    /// A fault at a byte of the text.
    func fault(
        _ code: SettingFault.Code, _ message: String, at offset: Int, pointer: JSONPointer,
        suggestion: String? = nil
    ) -> SettingFault {
        SettingFault(
            code: code, file: file, position: TextPosition(offset: offset, in: bytes),
            pointer: pointer.description, message: message, suggestion: suggestion)
    }

    /// The value at a pointer, or the nearest one above it that is there.
    public func value(at pointer: JSONPointer) -> JSONValue { Self.find(pointer, in: root).value }

    /// The value at a pointer, if it is there.
    func value(exactlyAt pointer: JSONPointer) -> JSONValue? {
        let (value, isThere) = Self.find(pointer, in: root)
        return isThere ? value : nil
    }

    /// The value at a pointer with its variables as they are written.
    func unexpandedValue(at pointer: JSONPointer) -> JSONValue {
        Self.find(pointer, in: unexpanded).value
    }

    private static func find(
        _ pointer: JSONPointer, in root: JSONValue
    ) -> (value: JSONValue, isThere: Bool) {
        var value = root
        for step in pointer.steps {
            switch step {
            case .key(let key):
                guard let next = value[key] else { return (value, false) }
                value = next
            case .index(let index):
                guard let elements = value.elements, elements.indices.contains(index) else {
                    return (value, false)
                }
                value = elements[index]
            }
        }
        return (value, true)
    }

    /// The byte of the file where a place inside a string value stands.
    func offset(ofTextOffset textOffset: Int, in value: JSONValue) -> Int {
        guard !expanded.contains(value.range.lowerBound) else { return value.range.lowerBound }
        return value.sourceOffset(ofTextOffset: textOffset, in: bytes)
    }
}
