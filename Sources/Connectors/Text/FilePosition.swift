import ConnectorAPI
import FileSources
import Storage

/// Where a feed from files is.
///
/// As text:
///
///     v4 <file> <entry> <offset> <line> <rows> <malformed> <names> <before> <checksum>
///         <files> <path>
///
/// `offset` counts bytes after decompression, `names` is a hash of the names of the files before,
/// `before` a checksum of what they hold, `checksum` one of the bytes before `offset`, and `files`
/// says which files were read, and what they held (``FilesRead``). Of earlier builds, `v3` does not
/// say what they held, `v2` has no `files`, and `v1` no checksum either.
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
    /// This file and those before it.
    var files = FilesRead()
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
        return "v4 \(numbers) \(Checksum.hex(checksums.before)) \(Checksum.hex(checksums.read)) "
            + "\(files.text) \(path)"
    }
}

extension FilePosition {
    /// The position that a text tells, or `nil`.
    init?(_ text: String) {
        // What a version has between `names` and the path.
        let extras = ["v1": 0, "v2": 2, "v3": 3, "v4": 3]
        guard let version = text.split(separator: " " as Character, maxSplits: 1).first,
            let extra = extras[String(version)]
        else { return nil }
        let parts = text.split(
            separator: " ", maxSplits: 8 + extra, omittingEmptySubsequences: false)
        guard parts.count == 9 + extra,
            case let numbers = parts[1...6].compactMap({ Int64($0) }), numbers.count == 6,
            numbers.allSatisfy({ $0 >= 0 }), let file = Int(exactly: numbers[0]),
            let entry = Int(exactly: numbers[1])
        else { return nil }
        (self.file, self.entry) = (file, entry)
        (offset, line, rows, malformed) = (numbers[2], numbers[3], numbers[4], numbers[5])
        names = String(parts[7])
        path = String(parts[8 + extra])
        guard extra >= 2 else { return }
        guard let before = Checksum.parseHex(parts[8]), let read = Checksum.parseHex(parts[9])
        else { return nil }
        checksums = Checksums(before: before, read: read)
        guard extra == 3 else { return }
        guard let files = FilesRead(parts[10]) else { return nil }
        self.files = files
    }
}
