/// A JSON value, with the place in the source where it was read.
///
/// Values that a program makes have an empty range. Two values are equal when they mean the same;
/// places and the order of an object's members don't count.
public struct JSONValue: Sendable {
    /// What a value is.
    public enum Kind: Sendable {
        /// `null`.
        case null
        /// `true` or `false`.
        case bool(Bool)
        /// A number without fraction and exponent that fits 64 bits.
        case integer(Int64)
        /// Any other number: the nearest double, and the literal as it was written.
        case number(Double, literal: String)
        /// Text, unescaped.
        case string(String)
        /// Values in order.
        case array([JSONValue])
        /// Members in the order of the source.
        case object([JSONMember])
    }

    /// What the value is.
    public let kind: Kind
    /// The bytes of the source that the value takes, quotes and brackets included.
    public let range: Range<Int>

    /// A value read from these bytes of a source, or made by a program (empty range).
    public init(_ kind: Kind, range: Range<Int> = 0..<0) {
        self.kind = kind
        self.range = range
    }
}

/// One member of an object.
public struct JSONMember: Sendable {
    /// The key, unescaped.
    public let key: String
    /// The bytes of the source that the key takes, quotes included.
    public let keyRange: Range<Int>
    /// The value.
    public let value: JSONValue

    /// A member; a program that makes one leaves the range out.
    public init(_ key: String, _ value: JSONValue, keyRange: Range<Int> = 0..<0) {
        self.key = key
        self.keyRange = keyRange
        self.value = value
    }
}

extension JSONValue {
    /// `null`.
    public static let null = JSONValue(.null)
    /// A boolean.
    public static func bool(_ value: Bool) -> JSONValue { JSONValue(.bool(value)) }
    /// An integer.
    public static func integer(_ value: Int64) -> JSONValue { JSONValue(.integer(value)) }
    /// An integer.
    public static func integer(_ value: Int) -> JSONValue { JSONValue(.integer(Int64(value))) }
    /// A double; infinities and NaN, which JSON has no name for, become `null`.
    public static func double(_ value: Double) -> JSONValue {
        value.isFinite ? JSONValue(.number(value, literal: value.description)) : .null
    }
    /// Text.
    public static func string(_ value: String) -> JSONValue { JSONValue(.string(value)) }
    /// An array.
    public static func array(_ values: [JSONValue]) -> JSONValue { JSONValue(.array(values)) }
    /// An object of these members, in this order.
    ///
    /// Keys must be unique.
    public static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        JSONValue(.object(members.map { JSONMember($0.0, $0.1) }))
    }
}

extension JSONValue {
    /// The member's value when this is an object that has the key (compared by bytes).
    public subscript(_ key: String) -> JSONValue? { member(key)?.value }

    /// The member of that key when this is an object that has it (compared by bytes).
    public func member(_ key: String) -> JSONMember? {
        members?.first {
            // Most keys differ in length already.
            $0.key.utf8.count == key.utf8.count && $0.key == key
                && $0.key.utf8.elementsEqual(key.utf8)
        }
    }

    /// The members when this is an object.
    public var members: [JSONMember]? {
        if case .object(let members) = kind { members } else { nil }
    }

    /// The values when this is an array.
    public var elements: [JSONValue]? {
        if case .array(let elements) = kind { elements } else { nil }
    }

    /// The text when this is a string.
    public var stringValue: String? { if case .string(let text) = kind { text } else { nil } }

    /// The value when this is a boolean.
    public var boolValue: Bool? { if case .bool(let value) = kind { value } else { nil } }

    /// The value when this is an integer that fits 64 bits, written without fraction or exponent.
    @inline(never)  // Inlined into an optional chain, it makes the optimizer of Swift 6.3 fail.
    public var int64Value: Int64? { if case .integer(let value) = kind { value } else { nil } }

    /// The value when this is a number; integers beyond 2^53 are rounded.
    public var doubleValue: Double? {
        switch kind {
        case .integer(let value): Double(value)
        case .number(let value, _): value
        default: nil
        }
    }

    /// Whether this is `null`.
    public var isNull: Bool { if case .null = kind { true } else { false } }

    /// What the value is, for messages: "a string", "an object", ….
    public var kindName: String {
        switch kind {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: Equatable {
    /// Whether two values mean the same.
    ///
    /// Numbers are compared by value and text by bytes.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left.kind, right.kind) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a, _), .number(let b, _)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object):
            a.count == right.members?.count && a.allSatisfy { right[$0.key] == $0.value }
        default: false
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByFloatLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object whose members keep the order of the literal.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements) }
}
