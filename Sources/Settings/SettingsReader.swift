public import Columnar
public import JSON

/// An object that ``SettingsChecker`` passed: keys of the table are there and have their type, so
/// that reading one that is not is a fault of this program, not of the text.
public struct SettingsReader: Sendable {
    /// The object with defaults filled in.
    public let value: JSONValue

    /// Reads an object that was checked.
    public init(_ value: JSONValue) { self.value = value }

    /// Reads an object of a program's own, with the defaults of its table.
    public init(defaultsOf table: ObjectShape, _ value: JSONValue) {
        guard let text = try? SettingsText.read([0x7B, 0x7D], file: "", environment: [:]).text
        else {
            preconditionFailure("an empty object is JSON")
        }
        var checker = SettingsChecker(text)
        let shape = Shape.variants(key: "format", [table.usual])
        guard let filled = checker.check(value, shape, .here), checker.faults.found.isEmpty else {
            preconditionFailure("\(table.name) does not take \(value.text())")
        }
        self.value = filled
    }

    /// The value of a key that may be absent; `null` counts as absent.
    public func optional(_ key: String) -> JSONValue? {
        value[key].flatMap { $0.isNull ? nil : $0 }
    }

    private func required<T>(_ key: String, _ read: (JSONValue) -> T?) -> T {
        guard let member = value[key], let result = read(member) else {
            preconditionFailure("the table of keys and its reader disagree on \(key)")
        }
        return result
    }

    /// Text.
    public func string(_ key: String) -> String { required(key) { $0.stringValue } }
    /// Text of a key that may be absent.
    public func optionalString(_ key: String) -> String? { optional(key)?.stringValue }
    /// A boolean.
    public func bool(_ key: String) -> Bool { required(key) { $0.boolValue } }
    /// An integer.
    public func integer(_ key: String) -> Int64 { required(key) { $0.int64Value } }
    /// An integer whose range keeps it small.
    public func int(_ key: String) -> Int { Int(integer(key)) }
    /// An integer of a key that may be absent.
    public func optionalInteger(_ key: String) -> Int64? { optional(key)?.int64Value }
    /// A small integer of a key that may be absent.
    public func optionalInt(_ key: String) -> Int? { optionalInteger(key).map { Int($0) } }
    /// A number.
    public func double(_ key: String) -> Double { required(key) { $0.doubleValue } }
    /// An object.
    public func object(_ key: String) -> SettingsReader { SettingsReader(required(key) { $0 }) }
    /// An object of a key that may be absent.
    public func optionalObject(_ key: String) -> SettingsReader? {
        optional(key).map(SettingsReader.init)
    }

    /// A duration in microseconds; a month is 31 days.
    public func durationMicros(_ key: String) -> Int64 { Settings.durationMicros(string(key)) }
    /// A duration of a key that may be absent, in microseconds.
    public func optionalDurationMicros(_ key: String) -> Int64? {
        optionalString(key).map(Settings.durationMicros)
    }

    /// A size of a key that may be absent, in bytes.
    public func optionalByteSize(_ key: String) -> Int64? {
        optional(key) == nil ? nil : byteSize(key)
    }

    /// A size, in bytes.
    public func byteSize(_ key: String) -> Int64 {
        guard let bytes = Settings.byteSize(string(key)) else {
            preconditionFailure("a size is used before it was checked")
        }
        return bytes
    }

    /// A list of texts.
    public func strings(_ key: String) -> [String] {
        required(key) { $0.elements?.compactMap(\.stringValue) }
    }

    /// A list of texts of a key that may be absent: none then.
    public func optionalStrings(_ key: String) -> [String] {
        optional(key) == nil ? [] : strings(key)
    }

    /// A list of texts, which may be written as its only one.
    public func oneOrMoreStrings(_ key: String) -> [String] {
        optionalString(key).map { [$0] } ?? strings(key)
    }

    /// A list of objects.
    public func objects(_ key: String) -> [SettingsReader] {
        required(key) { $0.elements?.map(SettingsReader.init) }
    }

    /// One of an enumeration's words.
    public func choice<T: RawRepresentable<String>>(_ key: String, _: T.Type) -> T {
        required(key) { $0.stringValue.flatMap(T.init(rawValue:)) }
    }

    /// A column type.
    public func type(_ key: String) -> DataType {
        required(key) { $0.stringValue.flatMap { DataType(parsing: $0) } }
    }

    /// A time, µs since the epoch.
    public func micros(_ key: String) -> Int64 {
        required(key) { $0.stringValue.flatMap(timestampMicros) }
    }

    /// A text of one character.
    public func character(_ key: String) -> Character { required(key) { $0.stringValue?.first } }

    /// The texts of all keys that begin so, by what follows.
    public func strings(beginning prefix: String) -> [String: String] {
        let found = (value.members ?? []).filter { $0.key.hasPrefix(prefix) }
        return Dictionary(
            found.compactMap { member in
                member.value.stringValue.map { (String(member.key.dropFirst(prefix.count)), $0) }
            }, uniquingKeysWith: { _, last in last })
    }
}
