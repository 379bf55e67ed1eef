import Storage
import Synchronization

/// The files in the directory of a log; what they are stands in TickLogWriter.swift.
enum LogDirectory {
    /// The file that the writer holds locked.
    static let lockName = "LOCK"

    /// Reads log.json of a log's directory.
    static func description(
        _ directory: Path, _ files: any FileSystem
    ) throws(TickLogError) -> LogDescription {
        let path = try storage { () throws(StorageError) in
            try directory.appending(LogDescription.fileName)
        }
        guard try storage({ () throws(StorageError) in try files.isTaken(path) }) else {
            let kind = try storage { () throws(StorageError) in try files.info(directory)?.kind }
            if kind == .directory { try refuseOrphans(directory, files) }
            throw TickLogError(
                .notFound, "there is no tick log in '\(directory)' (no \(LogDescription.fileName))")
        }
        let bytes = try storage { () throws(StorageError) in
            try files.readOwn(path, maxBytes: LogDescription.bytesMax)
        }
        if let last = lastRead.withLock({ $0 }), last.bytes == bytes { return last.description }
        let description = try LogDescription(bytes, path)
        lastRead.withLock { $0 = (bytes, description) }
        return description
    }

    /// What was read last: whoever appends to a log reads its description several times, and the
    /// same bytes mean the same.
    private static let lastRead = Mutex<(bytes: [UInt8], description: LogDescription)?>(nil)

    /// Whether a file of this name may be one of a log's; hidden ones are nobody's.
    static func isOwn(_ name: String) -> Bool {
        name.hasPrefix(".") || TickLogWriter.ownNames.contains(name)
            || SegmentHeader.baseOffset(ofFile: name) != nil
            || JournalFile.baseOffset(ofFile: name) != nil
    }

    /// Refuses to make a log among files of others, or in a table, a checkpoint or another log: what
    /// is cleared goes as a whole.
    static func refuseTaken(_ directory: Path, _ files: any FileSystem) throws(TickLogError) {
        let entries = try storage { () throws(StorageError) in
            try files.info(directory)?.kind == .directory ? try files.list(directory) : []
        }
        if entries.contains(where: { $0.name == LogDescription.fileName }) { return }
        if let foreign = entries.first(where: { !isOwn($0.name) }) {
            throw TickLogError(
                .placeTaken,
                "the directory holds '\(foreign.name)', which no tick log put there; name a folder "
                    + "for the log alone, which is made, or move its content away",
                file: directory)
        }
        let around = try storage { () throws(StorageError) in
            try files.ownFolder(around: directory)
        }
        guard let around else { return }
        throw TickLogError(
            .placeTaken,
            "the directory lies in \(around.path), which is \(around.kind.rawValue); use a path "
                + "outside of it", file: directory)
    }

    /// The base offsets of a log's segments, ascending.
    static func segmentBases(
        _ directory: Path, _ files: any FileSystem
    ) throws(TickLogError) -> [Int64] {
        try storage { () throws(StorageError) in try files.list(directory) }
            .filter { $0.kind == .file }
            .compactMap { SegmentHeader.baseOffset(ofFile: $0.name) }
            .sorted()
    }

    /// The base offsets of a log's journals, ascending.
    static func journalBases(
        _ directory: Path, _ files: any FileSystem
    ) throws(TickLogError) -> [Int64] {
        try storage { () throws(StorageError) in try files.list(directory) }
            .filter { $0.kind == .file }
            .compactMap { JournalFile.baseOffset(ofFile: $0.name) }
            .sorted()
    }

    /// Refuses a directory without a description whose segments hold rows: a log that was damaged.
    ///
    /// A creation that was cut off leaves a first segment without rows.
    static func refuseOrphans(_ directory: Path, _ files: any FileSystem) throws(TickLogError) {
        for base in try segmentBases(directory, files) {
            let path = try storage { () throws(StorageError) in
                try directory.appending(SegmentHeader.fileName(base))
            }
            let file = try storage { () throws(StorageError) in try files.openOwn(path) }
            let (start, size) = try storage { () throws(StorageError) in
                (try file.readUpTo(8, at: 0), try file.size())
            }
            // The header is one Arrow message: a marker, the number of bytes that follow, those.
            let header = start.count == 8 ? 8 + Int64(start.little(at: 0) >> 32) : 0
            guard base == 0, size <= header else {
                throw TickLogError(
                    .damaged,
                    "the log's description is missing, but there are segments; nothing was "
                        + "changed. Restore \(LogDescription.fileName) from a copy, or move the "
                        + "segments away",
                    file: directory)
            }
        }
    }
}
