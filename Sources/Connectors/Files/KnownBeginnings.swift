import Checkpoints
import Storage

/// Files of text that were found, by their beginnings: a file that begins with all of another one
/// brings its rows once more, as a list that was rewritten, or two files put together, do.
struct KnownBeginnings {
    /// Those that are longer than what their checksum is of, by it.
    private var long: [UInt64: [SourceFile]] = [:]
    /// The others by their lengths, and by the checksum of all of them.
    private var short: [Int64: [UInt64: SourceFile]] = [:]

    /// Adds a file; one of a list that an earlier build made is not known so.
    mutating func add(_ file: SourceFile) {
        guard let start = file.start, file.bytes > 0 else { return }
        if file.bytes > FileContent.startBytes {
            long[start, default: []].append(file)
        } else {
            short[file.bytes, default: [:]][start] = file
        }
    }

    /// The longest known file with all of which another one begins, and goes on.
    ///
    /// - Parameters:
    ///   - file: the other file.
    ///   - bytes: its size.
    ///   - hasRows: whether so many of its first bytes have rows: headers are alike.
    /// - Returns: it, or `nil` where there is none.
    /// - Throws: what reading throws.
    func original(
        of file: any ReadFile, bytes: Int64, hasRows: (Int64) throws -> Bool
    ) throws -> SourceFile? {
        let head = try file.readUpTo(Int(min(bytes, FileContent.startBytes)), at: 0)
        var found: [SourceFile] = []
        if bytes > FileContent.startBytes {
            found = long[FileContent.start(of: head)] ?? []
        }
        found += short.compactMap { length, files in
            guard length <= head.count else { return nil }
            return files[FileContent.start(of: Array(head.prefix(Int(length))))]
        }
        return try found.filter { $0.bytes < bytes }.sorted { $0.bytes > $1.bytes }.first { known in
            try OpenSourceFile.fingerprint(of: file, bytes: known.bytes) == known.fingerprint
                && hasRows(known.bytes)
        }
    }
}
