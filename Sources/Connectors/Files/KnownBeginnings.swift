import Checkpoints
import Storage

/// Files of text that were found, by their beginnings: a file that begins with all of another one
/// brings its rows once more, as a list that was rewritten, or two files put together, do; and so
/// does one that is the beginning of another, as an older copy of a file that grew is.
struct KnownBeginnings {
    /// Those that are longer than what their checksum is of, by it.
    private var long: [UInt64: [SourceFile]] = [:]
    /// The others by their lengths, and by the checksum of all of them.
    private var short: [Int64: [UInt64: SourceFile]] = [:]
    /// The last files that were found, or some more.
    private var last: [Known] = []

    /// How many files a short one may be the beginning of: of each the first bytes are kept.
    static let lastMax = 1_000

    private struct Known {
        let file: SourceFile
        /// The first bytes, at most ``FileContent/startBytes``, none where they are not there any
        /// more; `nil` until they are looked at.
        var head: [UInt8]?
    }

    /// A file that was just found, and is none of those that are known yet.
    struct Found {
        let file: any ReadFile
        let bytes: Int64
        /// The first bytes, at most ``FileContent/startBytes``.
        let head: [UInt8]
        /// Whether so many of its first bytes have rows: headers are alike.
        let hasRows: (Int64) throws -> Bool
    }

    /// Adds a file; one of a list that an earlier build made is not known so.
    ///
    /// - Parameters:
    ///   - file: the file.
    ///   - head: what it begins with, where that is at hand.
    mutating func add(_ file: SourceFile, head: [UInt8]? = nil) {
        guard let start = file.start, file.bytes > 0 else { return }
        if file.bytes > FileContent.startBytes {
            long[start, default: []].append(file)
        } else {
            short[file.bytes, default: [:]][start] = file
        }
        last.append(Known(file: file, head: head))
        if last.count == 2 * Self.lastMax { last.removeFirst(Self.lastMax) }
    }

    /// The longest known file with all of which another one begins, and goes on.
    ///
    /// - Returns: it, or `nil` where there is none.
    /// - Throws: what reading throws.
    func original(of other: Found) throws -> SourceFile? {
        var found: [SourceFile] = []
        if other.bytes > FileContent.startBytes {
            found = long[FileContent.start(of: other.head)] ?? []
        }
        found += short.compactMap { length, files in
            guard length <= other.head.count else { return nil }
            return files[FileContent.start(of: Array(other.head.prefix(Int(length))))]
        }
        return try found.filter { $0.bytes < other.bytes }.sorted { $0.bytes > $1.bytes }.first {
            try OpenSourceFile.fingerprint(of: other.file, bytes: $0.bytes) == $0.fingerprint
                && other.hasRows($0.bytes)
        }
    }

    /// A known file that begins with all of another one, and goes on; only of one that is still as it
    /// was found that can be told.
    ///
    /// - Parameters:
    ///   - other: the other file.
    ///   - files: where the known files lie.
    /// - Returns: it, or `nil` where there is none.
    /// - Throws: what reading the other file throws.
    mutating func longer(than other: Found, in files: any FileSystem) throws -> SourceFile? {
        guard other.bytes > 0 else { return nil }
        let known: SourceFile?
        if other.bytes > FileContent.startBytes {
            let own = try OpenSourceFile.fingerprint(of: other.file, bytes: other.bytes)
            known = long[FileContent.start(of: other.head)]?.first {
                guard $0.bytes > other.bytes, let file = Self.open($0, files) else { return false }
                let start = try? OpenSourceFile.fingerprint(of: file, bytes: other.bytes)
                return start == own
            }
        } else {
            lookAtHeads(files)
            let end = other.head.count - 1
            let match = last.suffix(Self.lastMax).first {
                // The last byte, mostly a line end, tells nearly all of them apart.
                guard $0.file.bytes > other.bytes, let head = $0.head, head.count > end,
                    head[end] == other.head[end]
                else { return false }
                return head.starts(with: other.head)
            }
            known = match?.file
        }
        guard let known, try other.hasRows(other.bytes) else { return nil }
        return known
    }

    /// Reads what the last files begin with, where that is not known.
    private mutating func lookAtHeads(_ files: any FileSystem) {
        for index in last.indices.suffix(Self.lastMax) where last[index].head == nil {
            let bytes = Int(min(last[index].file.bytes, FileContent.startBytes))
            let file = Self.open(last[index].file, files)
            last[index].head = file.flatMap { try? $0.readUpTo(bytes, at: 0) } ?? []
        }
    }

    /// Opens a file that begins with what was found.
    private static func open(_ known: SourceFile, _ files: any FileSystem) -> (any ReadFile)? {
        guard let path = try? Path(known.path), (try? files.info(path))?.kind == .file,
            let file = try? files.openForReading(path),
            (try? OpenSourceFile.fingerprint(of: file, bytes: known.bytes)) == known.fingerprint
        else { return nil }
        return file
    }
}
