public import Checkpoints
public import Columnar
public import ConnectorAPI
public import Storage
import Synchronization

/// Makes rows of the files of a directory source.
public protocol FileRows: Sendable {
    /// The columns of every row.
    var schema: Schema { get }
    /// How many offsets a file takes; says first whether it can be read at all.
    func offsetCount(of file: any ReadFile, bytes: Int64) throws -> Int64
    /// Only rows in all of these ranges of the columns are wanted.
    func want(_ ranges: [ColumnRange])
    /// Whether the offsets of a file are its bytes, not its rows.
    var countsBytes: Bool { get }
    /// Checks the first files that were ever found together.
    func check(firstFiles: [Path]) throws
    /// The parts of a file, in order, that lie in a range of its own offsets, which count from 0.
    func parts(of file: OpenSourceFile, _ range: Range<Int64>, rowsMax: Int) throws
        -> [BlockPlan]
    /// Whether a file has rows at all, as far as that can be told without reading them.
    func hasRows(_ file: any ReadFile, bytes: Int64) throws -> Bool
    /// Whether a file with such a fault is left out, as a record would be.
    func leavesOut(_ fault: ConnectorError) -> Bool
    /// What a user should know of the rows read so far, one line each.
    func notices() -> [String]
}

extension FileRows {
    /// All rows are given.
    public func want(_ ranges: [ColumnRange]) {}
    /// They are rows.
    public var countsBytes: Bool { false }
    /// Each file was checked for itself.
    public func check(firstFiles: [Path]) throws {}
    /// A file that takes offsets does.
    public func hasRows(_ file: any ReadFile, bytes: Int64) throws -> Bool {
        try offsetCount(of: file, bytes: bytes) > 0
    }
    /// It is not.
    public func leavesOut(_ fault: ConnectorError) -> Bool { false }
    /// Nothing.
    public func notices() -> [String] { [] }
}

/// A file of a directory source, opened when it is read and checked to be the one that was found.
public final class OpenSourceFile: Sendable {
    /// The file as it was found.
    public let entry: SourceFile
    /// The file whose content is read: the same, unless it was corrected before its rows were.
    public let content: SourceFile
    private let files: any FileSystem
    private let pool: OpenFilePool
    private let handle: Mutex<(any ReadFile)?> = Mutex(nil)

    init(
        _ entry: SourceFile, content: SourceFile? = nil, files: any FileSystem, _ pool: OpenFilePool
    ) {
        self.entry = entry
        self.content = content ?? entry
        self.files = files
        self.pool = pool
    }

    /// The file, open.
    ///
    /// - Throws: ``ConnectorError`` when it is gone or another one than was found.
    public func opened() throws -> any ReadFile {
        let (file, isNew) = try handle.withLock { handle in
            if let handle { return (handle, false) }
            let file = try open()
            handle = file
            return (file, true)
        }
        // Outside of the lock: another file is closed for this one.
        if isNew { pool.noteOpened(self) }
        return file
    }

    /// The file as one that may be closed between two reads, and is opened and checked again then.
    public func reopening() throws -> any ReadFile {
        _ = try opened()
        return ReopenedFile(self, path: try Path(entry.path))
    }

    func close() { handle.withLock { $0 = nil } }

    private func open() throws -> any ReadFile {
        let path = try Path(content.path)
        guard try files.info(path)?.kind == .file else { throw Self.gone(content.path) }
        let file = try files.openForReading(path)
        let bytes = try file.size()
        guard bytes == content.bytes else {
            throw Self.changed(
                content.path, "it has \(bytes) bytes, and had \(content.bytes) when it was found")
        }
        guard try Self.fingerprint(of: file, bytes: bytes) == content.fingerprint else {
            throw Self.changed(content.path, "its content is another than when it was found")
        }
        return file
    }

    /// A checksum of a number of bytes, and of the first 4 KiB and the last 64 KiB of so many: it
    /// costs little whatever the size, and covers the footer of a Parquet file, which depends on all
    /// of it.
    public static func fingerprint(of file: any ReadFile, bytes: Int64) throws -> UInt64 {
        let tailStart = max(0, bytes - FileContent.tailBytes)
        return fingerprint(
            bytes: bytes, head: try file.readUpTo(Int(min(FileContent.startBytes, bytes)), at: 0),
            tail: try file.readUpTo(Int(bytes - tailStart), at: tailStart))
    }

    /// The same of bytes at hand: all of them, or as many as it covers.
    static func fingerprint(bytes: Int64, head: [UInt8], tail: [UInt8]) -> UInt64 {
        Checksum.xxh3(
            tail, seed: Checksum.xxh3(head, seed: UInt64(truncatingIfNeeded: bytes)))
    }
}

extension OpenSourceFile {
    /// The code of a file that is not there any more.
    static let goneCode = "fileGone"

    private static func gone(_ path: String) -> ConnectorError {
        ConnectorError(
            goneCode,
            "the file is gone, and a batch that is run again needs it: put it back, or leave it "
                + "out with \"ignoreMissingFiles\": true in the source", at: path, fault: .damage)
    }

    private static func changed(_ path: String, _ what: String) -> ConnectorError {
        ConnectorError(
            "fileChanged",
            "\(what); files of a source must stay as they are while its batches can be run again: "
                + "put the file back and give changed rows in a new file, or leave it out with "
                + "\"ignoreCorruptFiles\": true in the source", at: path, fault: .damage)
    }
}

/// The files of a source that are open: a batch may have any number of them, and a process only so
/// many descriptors.
final class OpenFilePool: Sendable {
    /// Those that are kept open at most, besides the ones being read.
    static let filesMax = 32

    private struct Kept {
        weak var file: OpenSourceFile?
    }

    /// In the order in which they were opened.
    private let kept: Mutex<[Kept]> = Mutex([])

    /// Takes a file that was opened, and closes the one that was opened first where there are too
    /// many.
    func noteOpened(_ file: OpenSourceFile) {
        let closed = kept.withLock { kept -> [OpenSourceFile] in
            kept.removeAll { $0.file == nil }
            kept.append(Kept(file: file))
            guard kept.count > Self.filesMax else { return [] }
            defer { kept.removeFirst(kept.count - Self.filesMax) }
            return kept.prefix(kept.count - Self.filesMax).compactMap(\.file)
        }
        for file in closed { file.close() }
    }
}

/// A file that is opened again where it was closed since the last read.
private final class ReopenedFile: ReadFile {
    let path: Path
    private let file: OpenSourceFile

    init(_ file: OpenSourceFile, path: Path) {
        self.file = file
        self.path = path
    }

    func size() throws(StorageError) -> Int64 { file.content.bytes }

    func read(
        at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        try unsafe opened().read(at: offset, into: buffer)
    }

    func map(length: Int) throws(StorageError) -> FileMapping { try opened().map(length: length) }

    func dropCache() throws(StorageError) { try opened().dropCache() }

    private func opened() throws(StorageError) -> any ReadFile {
        do {
            return try file.opened()
        } catch let error as StorageError {
            throw error
        } catch {
            let detail = (error as? ConnectorError)?.message ?? "\(error)"
            throw StorageError(.contentDiffers, "read", path: path.string, detail: detail)
        }
    }
}
