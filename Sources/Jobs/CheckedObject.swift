import JSON

/// An object that ``FormatChecker`` passed: keys of the table are there and have their type, so
/// that reading one that is not is a fault of this program, not of the file.
struct CheckedObject {
    private let value: JSONValue

    init(_ value: JSONValue) { self.value = value }

    func optional(_ key: String) -> JSONValue? {
        value[key].flatMap { $0.isNull ? nil : $0 }
    }

    private func required<T>(_ key: String, _ read: (JSONValue) -> T?) -> T {
        guard let member = value[key], let result = read(member) else {
            preconditionFailure("the job format's table and its reader disagree on \(key)")
        }
        return result
    }

    func string(_ key: String) -> String { required(key) { $0.stringValue } }
    func bool(_ key: String) -> Bool { required(key) { $0.boolValue } }
    func integer(_ key: String) -> Int64 { required(key) { $0.int64Value } }
    func int(_ key: String) -> Int { Int(integer(key)) }
    func double(_ key: String) -> Double { required(key) { $0.doubleValue } }
    func object(_ key: String) -> CheckedObject { CheckedObject(required(key) { $0 }) }
    func durationMicros(_ key: String) -> Int64 { Jobs.durationMicros(string(key)) }

    func strings(_ key: String) -> [String] {
        required(key) { $0.elements?.compactMap(\.stringValue) }
    }

    func objects(_ key: String) -> [CheckedObject] {
        required(key) { $0.elements?.map(CheckedObject.init) }
    }

    /// One of an enumeration's words.
    func choice<T: RawRepresentable<String>>(_ key: String, _: T.Type) -> T {
        required(key) { $0.stringValue.flatMap(T.init(rawValue:)) }
    }
}
