import JSON
import Storage

/// The text of an entry, as lines and as bytes.
///
///     v1\n
///     <one JSON object>\n
///     <the end offset of one source, JSON>\n     as often as there are sources; offsets only
///     #xxh3:<16 hexadecimal digits>\n            over every byte before this line
///
/// It is Spark's layout with a last line of our own.
enum EntryText {
    private static let version = 1
    private static let checksumMark = "#xxh3:"
    private static let newline = UInt8(ascii: "\n")

    /// The bytes of an entry with these lines.
    static func encode(_ lines: [String]) -> [UInt8] {
        var text = "v\(version)\n"
        for line in lines {
            text += line
            text += "\n"
        }
        text += checksumMark + Checksum.hex(Checksum.xxh3(Array(text.utf8))) + "\n"
        return Array(text.utf8)
    }

    /// The lines between the version and the checksum.
    static func decode(_ bytes: [UInt8], path: Path) throws(CheckpointError) -> [String] {
        try checkVersion(bytes, path: path)
        let lastLineCount = checksumMark.utf8.count + 17
        guard bytes.count > lastLineCount else { throw damaged(path, "it is cut short") }
        let covered = Array(bytes.dropLast(lastLineCount))
        let lastLine = String(decoding: bytes.suffix(lastLineCount), as: UTF8.self)
        guard covered.last == newline, lastLine.hasPrefix(checksumMark), lastLine.hasSuffix("\n"),
            let checksum = Checksum.parseHex(lastLine.dropFirst(checksumMark.count).dropLast())
        else { throw damaged(path, "its last line is not a checksum: it is cut short or changed") }
        guard Checksum.xxh3(covered) == checksum else {
            throw damaged(path, "its bytes do not match its checksum")
        }
        guard String(utf8: covered) != nil else {
            throw damaged(path, "it is not UTF-8")
        }
        return covered.split(separator: newline, omittingEmptySubsequences: false)
            .dropFirst().dropLast().map { String(decoding: $0, as: UTF8.self) }
    }

    private static func checkVersion(_ bytes: [UInt8], path: Path) throws(CheckpointError) {
        // Ten digits are more versions than there will be.
        let start = bytes.prefix(12)
        let first = String(decoding: start.prefix { $0 != newline }, as: UTF8.self)
        guard start.contains(newline), first.utf8.first == UInt8(ascii: "v"),
            let found = Int(first.dropFirst()),
            first == "v\(found)", found >= 1
        else { throw damaged(path, "it does not start with the version line 'v\(version)'") }
        guard found == version else {
            throw CheckpointError(
                .newerVersion, path: path.string,
                detail: "it is in version \(found) of the format, this program reads up to "
                    + "version \(version)",
                remedy: "run the newer program that wrote it")
        }
    }

    /// Why a file could not be read: damage, where what is there cannot be what was written.
    static func fault(_ path: Path, _ error: StorageError) -> any Error {
        switch error.code {
        case .tooLarge, .notAFile, .wrongKind: damaged(path, error.detail)
        default: error
        }
    }

    static func damaged(_ path: Path, _ detail: String) -> CheckpointError {
        CheckpointError(
            .damaged, path: path.string, detail: "the file is damaged: \(detail)",
            remedy: CheckpointError.restoreRemedy)
    }
}

/// The members of an entry's JSON object, each checked when it is taken.
struct EntryFields {
    private let object: JSONValue
    private let path: Path

    init(_ text: String?, path: Path) throws(CheckpointError) {
        guard let text else { throw EntryText.damaged(path, "it has no second line") }
        do throws(JSONError) {
            object = try JSONValue.parse(text)
        } catch {
            throw EntryText.damaged(path, "\(error)")
        }
        self.path = path
    }

    private init(_ object: JSONValue, path: Path) {
        self.object = object
        self.path = path
    }

    /// Whether there is such a member: entries of older programs lack some.
    func has(_ key: String) -> Bool { object.member(key) != nil }

    /// Whether all members are some of these.
    func has(only keys: Set<String>) -> Bool {
        object.members?.allSatisfy { keys.contains($0.key) } ?? false
    }

    func bool(_ key: String) throws(CheckpointError) -> Bool {
        try take(key, object[key]?.boolValue)
    }

    func int64(_ key: String) throws(CheckpointError) -> Int64 {
        try take(key, object[key]?.int64Value)
    }

    func string(_ key: String) throws(CheckpointError) -> String {
        try take(key, object[key]?.stringValue)
    }

    func link(_ key: String) throws(CheckpointError) -> UInt64 {
        try take(key, object[key]?.stringValue.flatMap { Checksum.parseHex($0) })
    }

    func batch(_ key: String) throws(CheckpointError) -> BatchID {
        let number = try int64(key)
        return try take(key, number < 0 ? nil : BatchID(number))
    }

    func list(_ key: String) throws(CheckpointError) -> [EntryFields] {
        try take(key, object[key]?.elements).map { EntryFields($0, path: path) }
    }

    func integers(_ key: String) throws(CheckpointError) -> [String: Int64] {
        var values: [String: Int64] = [:]
        for member in try take(key, object[key]?.members) {
            values[member.key] = try take(key, member.value.int64Value)
        }
        return values
    }

    func strings(_ key: String) throws(CheckpointError) -> [String: String] {
        var values: [String: String] = [:]
        for member in try take(key, object[key]?.members) {
            values[member.key] = try take(key, member.value.stringValue)
        }
        return values
    }

    private func take<Value>(_ key: String, _ value: Value?) throws(CheckpointError) -> Value {
        guard let value else {
            throw EntryText.damaged(path, "its '\(key)' is missing or of another type")
        }
        return value
    }
}

extension JSONValue {
    /// An object with the members of a dictionary, in the order of their keys' bytes.
    static func sorted(_ values: [String: JSONValue]) -> JSONValue {
        .object(
            values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                .map { ($0.key, $0.value) })
    }
}
