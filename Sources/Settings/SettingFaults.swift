public import JSON

/// The faults that a stage of checking a text of settings has found.
public struct SettingFaults: Sendable {
    /// The text that is checked.
    public let text: SettingsText
    /// The faults, in the order in which they were found.
    public private(set) var found: [SettingFault] = []
    /// What pointers are relative to.
    private var base = JSONPointer.here

    /// How many faults are kept, so that a text that is wrong throughout costs neither memory nor
    /// time.
    public static let countMax = 200

    /// None yet.
    public init(in text: SettingsText) { self.text = text }

    /// Notes a fault at a setting, or at the nearest one above it that is there.
    ///
    /// - Parameters:
    ///   - code: the kind of fault.
    ///   - message: what is wrong and what to do, as sentences.
    ///   - pointer: the setting, from the object that is checked.
    ///   - suggestion: the valid name nearest to a wrong one.
    public mutating func note(
        _ code: SettingFault.Code, _ message: String, at pointer: JSONPointer,
        suggestion: String? = nil
    ) {
        guard found.count < Self.countMax else { return }
        let place = base + pointer
        let offset = text.value(at: place).range.lowerBound
        note(code, message, atByte: offset, place, suggestion: suggestion)
    }

    /// Notes a fault at a byte of a text, such as a place inside an expression.
    ///
    /// - Parameters:
    ///   - code: what kind of fault it is.
    ///   - message: what is wrong, and the remedy.
    ///   - pointer: the setting, which is a string.
    ///   - textOffset: the byte of the setting's text.
    ///   - suggestion: what was probably meant.
    public mutating func note(
        _ code: SettingFault.Code, _ message: String, at pointer: JSONPointer, textOffset: Int,
        suggestion: String? = nil
    ) {
        guard found.count < Self.countMax else { return }
        let place = base + pointer
        let offset = text.offset(ofTextOffset: textOffset, in: text.value(at: place))
        note(code, message, atByte: offset, place, suggestion: suggestion)
    }

    mutating func note(
        _ code: SettingFault.Code, _ message: String, atByte offset: Int, _ place: JSONPointer,
        suggestion: String? = nil
    ) {
        guard found.count < Self.countMax else { return }
        found.append(
            text.fault(code, message, at: offset, pointer: place, suggestion: suggestion))
    }

    /// Checks an object inside the one that is checked: pointers are relative to it.
    public mutating func inside<Result>(
        _ pointer: JSONPointer, _ check: (inout SettingFaults) -> Result
    ) -> Result {
        let outer = base
        base = outer + pointer
        defer { base = outer }
        return check(&self)
    }

    /// The value of a key of the object that is checked, if the text has it; no default is.
    public func given(_ key: String) -> JSONValue? { text.value(exactlyAt: base[key]) }

    /// Whether the text has a key in the object that is checked.
    public func isGiven(_ key: String) -> Bool { given(key) != nil }

    /// Whether a check notes nothing.
    public mutating func areFine(_ check: (inout SettingFaults) -> Void) -> Bool {
        let known = found.count
        check(&self)
        return found.count == known
    }

    // MARK: Rules that many settings have

    /// Notes each name that an earlier one equals.
    public mutating func requireUnique(_ names: [String], at pointer: (Int) -> JSONPointer) {
        var seen: [[UInt8]: Int] = [:]
        for (index, name) in names.enumerated() {
            let bytes = Array(name.utf8)
            if let first = seen[bytes] {
                note(
                    .duplicate,
                    "The name \"\(JSONValue.escaped(name))\" is that of number \(first) already; "
                        + "rename one of them.", at: pointer(index))
            } else {
                seen[bytes] = index
            }
        }
    }
}
