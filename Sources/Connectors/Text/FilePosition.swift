import ConnectorAPI
import Storage

/// Where a feed from files is.
///
/// As text:
///
///     v2 <file> <entry> <offset> <line> <rows> <malformed> <names> <before> <checksum> <path>
///
/// `offset` counts bytes after decompression, `names` is a hash of the names of the files before,
/// `before` a checksum of what they hold, and `checksum` one of the bytes before `offset`. A
/// position `v1`, of earlier builds, has neither checksum.
struct FilePosition: Equatable {
    /// The file's index.
    var file: Int
    /// Within a zip file, the entry's index.
    var entry: Int
    var offset: Int64
    var line: Int64
    /// Rows before it.
    var rows: Int64
    /// Malformed records before it.
    var malformed: Int64
    var names: String
    var checksums: Checksums?
    var path: String

    /// What tells whether the files are what they were.
    struct Checksums: Equatable {
        /// Of the files, and of the entries of the archive, before this one.
        var before: UInt64
        /// Of the bytes before the offset.
        var read: UInt64
    }

    /// The position as text.
    var text: String {
        let numbers = "\(file) \(entry) \(offset) \(line) \(rows) \(malformed) \(names)"
        guard let checksums else { return "v1 \(numbers) \(path)" }
        return "v2 \(numbers) \(Checksum.hex(checksums.before)) \(Checksum.hex(checksums.read)) "
            + path
    }
}

extension FilePosition {
    /// The position that a text tells, or `nil`.
    init?(_ text: String) {
        let isOld = text.hasPrefix("v1 ")
        let parts = text.split(
            separator: " ", maxSplits: isOld ? 8 : 10, omittingEmptySubsequences: false)
        guard isOld || text.hasPrefix("v2 "), parts.count == (isOld ? 9 : 11),
            case let numbers = parts[1...6].compactMap({ Int64($0) }), numbers.count == 6,
            numbers.allSatisfy({ $0 >= 0 }), let file = Int(exactly: numbers[0]),
            let entry = Int(exactly: numbers[1])
        else { return nil }
        (self.file, self.entry) = (file, entry)
        (offset, line, rows, malformed) = (numbers[2], numbers[3], numbers[4], numbers[5])
        names = String(parts[7])
        path = String(parts[isOld ? 8 : 10])
        if isOld { return }
        guard let before = Checksum.parseHex(parts[8]), let read = Checksum.parseHex(parts[9])
        else { return nil }
        checksums = Checksums(before: before, read: read)
    }
}
