public import JSON

/// What a value of a text of settings may be.
///
/// Tables of keys describe a whole file with shapes. Reading and checking a file, its JSON Schema,
/// its reference page and the comparison of two versions all follow the same tables, so that they
/// agree.
public indirect enum Shape: Sendable {
    /// Text of a kind.
    case text(TextKind)
    /// `true` or `false`.
    case boolean
    /// A whole number in a range.
    case integer(ClosedRange<Int64>)
    /// A number in a range; `aboveLower` leaves its lower end out.
    case number(ClosedRange<Double>, aboveLower: Bool = false)
    /// One of these words.
    case choice([String])
    /// `null`.
    case null
    /// `true` only.
    case yes
    /// An array, with the bounds of its count.
    case list(Shape, count: ClosedRange<Int>)
    /// An object with any keys.
    case map(Shape)
    /// An object with the keys of a table.
    case object(ObjectShape)
    /// An object whose `key` says which table it follows; without the key, the usual one.
    case variants(key: String, [ObjectShape])
    /// The first of these that has the value's JSON type.
    case oneOf([Shape])
}

/// What a text of settings means.
public enum TextKind: Sendable, Hashable {
    /// Any text.
    case any
    /// A name that becomes part of file names.
    case fileName
    /// A column name, or another name that is not empty.
    case name
    /// A path.
    case path
    /// An expression of the SQL dialect.
    case expression
    /// A duration that is not negative.
    case duration
    /// A duration without months or years, which have no fixed length.
    case fixedDuration
    /// A number of bytes with its unit, such as `100 GB`.
    case byteSize
    /// A date or timestamp in ISO 8601.
    case timestamp
    /// A date or timestamp, or `now`.
    case startTime
    /// A column type.
    case type
    /// One byte, such as `,`.
    case character
    /// A time zone of the IANA database.
    case timeZone
    /// A secret: variables in it are not filled in by reading, so that no copy of the settings
    /// holds its value. Whoever needs it asks for `${NAME}` then.
    case secret
}

/// The keys of one kind of object.
public struct ObjectShape: Sendable {
    /// The name in the JSON Schema and the title in the reference.
    public var name: String
    /// What the object is for.
    public var summary: String
    /// For a variant, the word that chooses it.
    public var tag: String?
    /// For a variant, whether it is meant when no word is given.
    public var isUsual: Bool
    /// Whether exactly one of the keys must be there.
    public var isOneKeyOnly: Bool
    /// Keys of which exactly one must be there, if any.
    public var oneOf: [String]
    /// What a checkpoint says when an object of this kind comes into a list or leaves it; `nil` is
    /// the list's own rule.
    public var change: ChangeRule?
    /// For a variant, what helps whoever gave a word that chooses none of them.
    public var answer: (@Sendable (_ word: String) -> String?)?
    private var ownAnswers: Deferred<[String: String]>?
    private var ownKeys: Deferred<[KeyShape]>

    /// A table of keys, which are made when they are asked for.
    public init(
        name: String, summary: String, tag: String? = nil, isUsual: Bool = false,
        isOneKeyOnly: Bool = false, oneOf: [String] = [], change: ChangeRule? = nil,
        keys: @autoclosure @escaping @Sendable () -> [KeyShape]
    ) {
        self.name = name
        self.summary = summary
        self.tag = tag
        self.isUsual = isUsual
        self.isOneKeyOnly = isOneKeyOnly
        self.oneOf = oneOf
        self.change = change
        ownKeys = Deferred(keys)
    }

    /// The keys, in the order of the reference.
    public var keys: [KeyShape] { ownKeys.value }

    /// What to write instead of keys that other programs have, by their names in small letters.
    public var keyAnswers: [String: String] { ownAnswers?.value ?? [:] }

    /// The table with other keys, which are made of its own when they are asked for.
    public func with(keys change: @escaping @Sendable ([KeyShape]) -> [KeyShape]) -> ObjectShape {
        var table = self
        table.ownKeys = Deferred { [ownKeys] in change(ownKeys.value) }
        return table
    }

    /// The key of a name; one whose name ends with `*` takes every name that begins so.
    public func key(_ name: String) -> KeyShape? {
        keys.first { $0.name == name } ?? keys.first { $0.takes(name) }
    }

    /// The table with an answer to words that choose none of those that it is one of.
    public func answering(_ answer: @escaping @Sendable (String) -> String?) -> ObjectShape {
        var table = self
        table.answer = answer
        return table
    }

    /// The table with answers to keys that it does not have.
    public func answering(
        keys answers: @autoclosure @escaping @Sendable () -> [String: String]
    ) -> ObjectShape {
        var table = self
        table.ownAnswers = Deferred { [ownAnswers] in
            (ownAnswers?.value ?? [:]).merging(answers()) { _, new in new }
        }
        return table
    }

    /// The table as the one that is meant when no word is given.
    var usual: ObjectShape {
        var table = self
        table.isUsual = true
        return table
    }

    /// The table with a rule for each of some keys.
    public func changing(_ rules: [String: ChangeRule]) -> ObjectShape {
        with { keys in keys.map { key in rules[key.name].map(key.changing) ?? key } }
    }
}

/// One key of an object, or, where the name ends with `*`, all that begin so.
public struct KeyShape: Sendable {
    /// The key.
    public let name: String
    /// What its value may be.
    public let shape: Shape
    /// What it is for.
    public let summary: String
    /// Whether it must be there.
    public let isRequired: Bool
    /// The value that an absent key stands for; `nil` when absence has a meaning of its own.
    public let fallback: JSONValue?
    /// What absence means, in words, when there is no `fallback`.
    public let absence: String?
    /// Values that are fine.
    public let examples: [JSONValue]
    /// What a checkpoint says of a changed value.
    public internal(set) var change = ChangeRule.allowed
    /// How two values are compared.
    public internal(set) var comparison = ValueComparison.deep
    /// Whether ``change`` holds for an object as it is; `nil` is always.
    let holds: (@Sendable (_ object: JSONValue) -> Bool)?

    /// A key that must be there.
    public static func required(
        _ name: String, _ shape: Shape, _ summary: String, examples: [JSONValue] = [],
        change: ChangeRule = .allowed, comparison: ValueComparison = .deep,
        holds: (@Sendable (JSONValue) -> Bool)? = nil
    ) -> KeyShape {
        KeyShape(
            name: name, shape: shape, summary: summary, isRequired: true, fallback: nil,
            absence: nil, examples: examples, change: change, comparison: comparison, holds: holds)
    }

    /// A key that may be left out, in favour of a value.
    public static func optional(
        _ name: String, _ shape: Shape, _ summary: String, default fallback: JSONValue,
        examples: [JSONValue] = [], change: ChangeRule = .allowed,
        comparison: ValueComparison = .deep, holds: (@Sendable (JSONValue) -> Bool)? = nil
    ) -> KeyShape {
        KeyShape(
            name: name, shape: shape, summary: summary, isRequired: false, fallback: fallback,
            absence: nil, examples: examples, change: change, comparison: comparison, holds: holds)
    }

    /// A key that may be left out, which then means something else than any value.
    public static func optional(
        _ name: String, _ shape: Shape, _ summary: String, absence: String,
        examples: [JSONValue] = [], change: ChangeRule = .allowed,
        comparison: ValueComparison = .deep, holds: (@Sendable (JSONValue) -> Bool)? = nil
    ) -> KeyShape {
        KeyShape(
            name: name, shape: shape, summary: summary, isRequired: false, fallback: nil,
            absence: absence, examples: examples, change: change, comparison: comparison,
            holds: holds)
    }

    /// The key under another rule.
    public func changing(_ rule: ChangeRule) -> KeyShape {
        var key = self
        key.change = rule
        return key
    }

    /// A list whose elements are compared by name, of which none may change, come or go once a batch
    /// is committed.
    public func comparedByName(forbidden reason: String) -> KeyShape {
        guard case .list(.object(let table), let count) = shape else {
            preconditionFailure("only a list of objects has names")
        }
        let rule = ChangeRule.forbiddenOnceCommitted(reason: reason)
        let ruled = table.with { keys in keys.map { $0.changing(rule) } }
        let reasons = ValueComparison.ListReasons(removed: reason, added: reason, moved: reason)
        return KeyShape(
            name: name, shape: .list(.object(ruled), count: count), summary: summary,
            isRequired: isRequired, fallback: fallback, absence: absence, examples: examples,
            change: rule, comparison: .named(reasons), holds: holds)
    }

    /// The names that the key stands for among those of two objects.
    func names(in old: JSONValue, _ new: JSONValue) -> [String] {
        guard prefix != nil else { return [name] }
        let names = ((old.members ?? []) + (new.members ?? [])).map(\.key).filter(takes)
        return Set(names).sorted()
    }

    /// Whether the key stands for a name.
    func takes(_ name: String) -> Bool {
        guard let prefix else { return name == self.name }
        return name.hasPrefix(prefix) && name.utf8.count > prefix.utf8.count
    }

    /// What the names begin with that the key stands for, if it stands for several.
    var prefix: String? { name.hasSuffix("*") ? String(name.dropLast()) : nil }
}
