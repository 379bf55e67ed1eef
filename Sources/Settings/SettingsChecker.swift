import Columnar
public import JSON

/// Compares a tree with its tables of keys, notes every fault, and fills in defaults.
///
/// What comes out is made of what is fine: an unknown key is left out, a faulty value that may be
/// left out is, too. So a fault in one place does not hide those that only show later. A text is
/// fine only when no fault was noted.
public struct SettingsChecker {
    /// What was found.
    public private(set) var faults: SettingFaults
    /// The values that were left out, or replaced by their default, since they are at fault.
    public private(set) var repaired: Set<JSONPointer> = []

    /// A check of a text's tree, or of a part of it.
    public init(_ text: SettingsText) { faults = SettingFaults(in: text) }

    private mutating func note(
        _ code: SettingFault.Code, _ message: String, at value: JSONValue, _ pointer: JSONPointer,
        suggestion: String? = nil
    ) {
        faults.note(
            code, message, atByte: value.range.lowerBound, pointer, suggestion: suggestion)
    }

    /// The value with defaults filled in, or `nil` when it cannot be used.
    public mutating func check(
        _ value: JSONValue, _ shape: Shape, _ pointer: JSONPointer
    ) -> JSONValue? {
        switch shape {
        case .object(let table): return object(value, table, pointer)
        case .variants(let key, let tables): return variant(value, key, tables, pointer)
        case .list(let element, let count): return list(value, element, count, pointer)
        case .map(let element): return map(value, element, pointer)
        case .oneOf(let shapes): return oneOf(value, shapes, pointer)
        default: return scalar(value, shape, pointer)
        }
    }

    private mutating func wrongType(
        _ value: JSONValue, _ shape: Shape, _ pointer: JSONPointer
    ) -> JSONValue? {
        note(.wrongType, "Expected \(shape.words), found \(value.shown).", at: value, pointer)
        return nil
    }

    // MARK: Scalars

    private mutating func scalar(
        _ value: JSONValue, _ shape: Shape, _ pointer: JSONPointer
    ) -> JSONValue? {
        guard shape.takesType(of: value) else { return wrongType(value, shape, pointer) }
        switch (shape, value.kind) {
        case (.text(.secret), .string):
            // The text as it is written; a default that was filled in stands nowhere in it.
            let written = faults.text.unexpandedValue(at: pointer)
            return value.range.isEmpty || written.range != value.range ? value : written
        case (.text(let kind), .string(let string)):
            guard let fault = kind.fault(in: string) else { return value }
            note(fault.code, fault.message, at: value, pointer)
            return nil
        case (.choice(let words), .string(let word)):
            if words.contains(word) { return value }
            let similar = nearest(to: word, among: words)
            note(
                .badValue,
                "Expected \(shape.words), found \"\(JSONValue.escaped(word))\"."
                    + didYouMean(similar),
                at: value, pointer, suggestion: similar)
            return nil
        case (.integer(let range), .integer(let integer)) where range.contains(integer):
            return value
        case (.number(let range, let aboveLower), _):
            let number = value.doubleValue ?? .nan
            if range.contains(number) && !(aboveLower && number == range.lowerBound) {
                return value
            }
        case (.yes, .bool(true)), (.boolean, _), (.null, _): return value
        default: break
        }
        note(.badValue, "Expected \(shape.words), found \(value.shown).", at: value, pointer)
        return nil
    }

    // MARK: Containers

    private mutating func list(
        _ value: JSONValue, _ element: Shape, _ count: ClosedRange<Int>, _ pointer: JSONPointer
    ) -> JSONValue? {
        guard let elements = value.elements else {
            return wrongType(value, .list(element, count: count), pointer)
        }
        guard count.contains(elements.count) else {
            note(
                .badValue,
                "Expected \(count.lowerBound) to \(count.upperBound) values, "
                    + "found \(elements.count).", at: value, pointer)
            return nil
        }
        var filled: [JSONValue] = []
        for (index, item) in elements.enumerated() {
            if let item = check(item, element, pointer[index]) { filled.append(item) }
        }
        return filled.count == elements.count ? JSONValue(.array(filled), range: value.range) : nil
    }

    private mutating func map(
        _ value: JSONValue, _ element: Shape, _ pointer: JSONPointer
    ) -> JSONValue? {
        guard let members = value.members else { return wrongType(value, .map(element), pointer) }
        var filled: [JSONMember] = []
        for member in members {
            if let item = check(member.value, element, pointer[member.key]) {
                filled.append(JSONMember(member.key, item, keyRange: member.keyRange))
            }
        }
        return filled.count == members.count
            ? JSONValue(.object(filled), range: value.range) : nil
    }

    private mutating func oneOf(
        _ value: JSONValue, _ shapes: [Shape], _ pointer: JSONPointer
    ) -> JSONValue? {
        guard let shape = shapes.first(where: { $0.takesType(of: value) }) else {
            return wrongType(value, .oneOf(shapes), pointer)
        }
        return check(value, shape, pointer)
    }

    private mutating func variant(
        _ value: JSONValue, _ key: String, _ tables: [ObjectShape], _ pointer: JSONPointer
    ) -> JSONValue? {
        let tags = tables.compactMap(\.tag)
        guard value.members != nil else {
            return wrongType(value, .variants(key: key, tables), pointer)
        }
        guard let member = value.member(key) else {
            if let table = tables.first(where: \.isUsual) {
                return object(value, table, pointer, tagKey: key)
            }
            note(
                .missingKey,
                "The key \"\(key)\" is missing; it is one of \(quotedList(tags)).", at: value,
                pointer)
            return nil
        }
        if let word = member.value.stringValue, !tags.contains(word),
            let answer = tables.first?.answer?(word)
        {
            note(
                .badValue,
                "Expected \(quotedList(tags)), found \"\(JSONValue.escaped(word))\". \(answer)",
                at: member.value, pointer[key])
            return nil
        }
        guard let tag = check(member.value, .choice(tags), pointer[key])?.stringValue,
            let table = tables.first(where: { $0.tag == tag })
        else { return nil }
        return object(value, table, pointer, tagKey: key)
    }

    // MARK: Objects

    private mutating func object(
        _ value: JSONValue, _ table: ObjectShape, _ pointer: JSONPointer, tagKey: String? = nil
    ) -> JSONValue? {
        guard let members = value.members else { return wrongType(value, .object(table), pointer) }
        var isUsable = true
        var filled: [JSONMember] = []
        var meant: Set<String> = []
        for member in members {
            if member.key == tagKey {
                filled.append(member)
            } else if let key = table.key(member.key) {
                if let item = check(member.value, key.shape, pointer[member.key]) {
                    filled.append(JSONMember(member.key, item, keyRange: member.keyRange))
                } else {
                    repaired.insert(pointer[member.key])
                    isUsable = isUsable && !key.isRequired
                }
            } else {
                meant.insert(unknownKey(member, table, pointer, tagKey: tagKey))
            }
        }
        if let tagKey, let tag = table.tag, value[tagKey] == nil {
            filled.append(JSONMember(tagKey, .string(tag)))
        }
        for key in table.keys where !filled.contains(where: { key.takes($0.key) }) {
            if let fallback = key.fallback {
                // Defaults pass the same check, so that objects inside them are filled in, too.
                if let item = check(fallback, key.shape, pointer[key.name]) {
                    filled.append(JSONMember(key.name, item))
                }
            } else if key.isRequired, !members.contains(where: { key.takes($0.key) }) {
                isUsable = false
                if meant.contains(key.name) { continue }
                note(
                    .missingKey,
                    "The key \"\(key.name)\" is missing. \(key.summary)"
                        + (key.examples.first.map { " Example: \($0.text())." } ?? ""),
                    at: value, pointer)
            }
        }
        guard !table.isOneKeyOnly || filled.count == 1 else {
            // A key that is there but at fault was noted.
            let known = table.keys.map(\.name)
            if members.filter({ known.contains($0.key) }).count != 1, meant.isEmpty {
                note(
                    .badValue, "Expected exactly one of the keys \(quotedList(known)).", at: value,
                    pointer)
            }
            return nil
        }
        return isUsable ? JSONValue(.object(filled), range: value.range) : nil
    }

    /// Notes an unknown key and gives the one that was probably meant, or "".
    private mutating func unknownKey(
        _ member: JSONMember, _ table: ObjectShape, _ pointer: JSONPointer, tagKey: String?
    ) -> String {
        guard faults.found.count < SettingFaults.countMax else { return "" }
        if let answer = table.keyAnswers[member.key.lowercased()] {
            faults.note(
                .unknownKey, "Unknown key \"\(JSONValue.escaped(member.key))\". \(answer)",
                atByte: member.keyRange.lowerBound, pointer[member.key])
            return ""
        }
        let names = (tagKey.map { [$0] } ?? []) + table.keys.map(\.name)
        let similar = nearest(to: member.key, among: names)
        faults.note(
            .unknownKey,
            "Unknown key \"\(JSONValue.escaped(member.key))\"." + didYouMean(similar)
                + " Keys here: \(listed(names)).",
            atByte: member.keyRange.lowerBound, pointer[member.key], suggestion: similar)
        return similar ?? ""
    }
}
