import JSON

/// What a value of a job file may be.
///
/// The tables in ``JobFormat`` describe the whole file with shapes. Reading and checking a file,
/// its JSON Schema and the reference page all follow the same tables, so that they agree.
indirect enum Shape: Sendable {
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
    /// An array of so many values.
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

/// What a text of a job file means.
enum TextKind: Sendable, Hashable {
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
}

/// The keys of one kind of object.
struct ObjectShape: Sendable {
    /// The name in the JSON Schema and the title in the reference.
    let name: String
    /// What the object is for.
    let summary: String
    /// For a variant, the word that chooses it.
    var tag: String?
    /// For a variant, whether it is meant when no word is given.
    var isUsual = false
    /// Whether exactly one of the keys must be there.
    var isOneKeyOnly = false
    /// Keys of which exactly one must be there, if any.
    var oneOf: [String] = []
    /// The keys, in the order of the reference.
    let keys: [KeyShape]
}

/// One key of an object.
struct KeyShape: Sendable {
    let name: String
    let shape: Shape
    let summary: String
    var isRequired = false
    /// The value that an absent key stands for; `nil` when absence has a meaning of its own.
    var fallback: JSONValue?
    /// What absence means, in words, when there is no `fallback`.
    var absence: String?
    var examples: [JSONValue] = []

    /// A key that must be there.
    static func required(
        _ name: String, _ shape: Shape, _ summary: String, examples: [JSONValue] = []
    ) -> KeyShape {
        KeyShape(
            name: name, shape: shape, summary: summary, isRequired: true, examples: examples)
    }

    /// A key that may be left out, in favour of a value.
    static func optional(
        _ name: String, _ shape: Shape, _ summary: String, default fallback: JSONValue,
        examples: [JSONValue] = []
    ) -> KeyShape {
        KeyShape(
            name: name, shape: shape, summary: summary, fallback: fallback, examples: examples)
    }

    /// A key that may be left out, which then means something else than any value.
    static func optional(
        _ name: String, _ shape: Shape, _ summary: String, absence: String,
        examples: [JSONValue] = []
    ) -> KeyShape {
        KeyShape(
            name: name, shape: shape, summary: summary, absence: absence, examples: examples)
    }
}
