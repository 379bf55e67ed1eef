import ConnectorAPI
import Decoding
import FileSources
import Storage

/// Goes through files in order, and through the entries of those that are zip archives.
final class InputCursor {
    let inputs: [InputFile]
    let files: any FileSystem
    private let readBytes: Int
    private let follows: Bool
    private let wait: InputWait

    /// The file that is open or was last, counting from 0; -1 before the first.
    private(set) var fileIndex = -1
    /// Within a zip file, the entry, counting from 0.
    private(set) var entryIndex = 0
    private var entryName: String?
    private(set) var window: InputWindow?
    /// The files of which something was read.
    var filesRead = FilesRead()
    /// What the last files that were read begin with.
    var headsRead: [HeadRead] = []
    /// Whether nothing was read of what `fileIndex` and `entryIndex` say.
    private(set) var isAtStart = false
    /// A checksum of what every file and entry before the open one holds.
    private(set) var checksumBefore: UInt64 = 0
    private(set) var archive: ZipArchive?
    private(set) var file: (any ReadFile)?
    /// What is open of a packed file.
    private(set) var unpacked: ScannedStream?
    /// The checksum of what every file before the open one holds.
    private var filesChecksum: UInt64 = 0
    /// How many bytes of a file that is not packed were read, once it is left.
    private var plainBytes: Int64?

    /// A cursor before the first of some files.
    ///
    /// - Parameters:
    ///   - inputs: the files.
    ///   - files: the file system that holds them.
    ///   - readBytes: how many bytes are read at a time.
    ///   - follows: whether the last file may still grow.
    ///   - wait: how long to wait for the bytes of pipes.
    init(
        _ inputs: [InputFile], files: any FileSystem, readBytes: Int, follows: Bool,
        _ wait: InputWait
    ) {
        self.inputs = inputs
        self.files = files
        self.readBytes = readBytes
        self.follows = follows
        self.wait = wait
    }

    /// The file that is open or was last.
    var input: InputFile {
        var input = inputs[max(0, fileIndex)]
        input.entry = entryName
        return input
    }

    /// The file or `archive:entry`, for messages and malformed records.
    var sourceName: String { input.displayName }

    /// The path of a file, or `nil` behind the last one.
    func path(at index: Int) -> String? {
        inputs.indices.contains(index) ? inputs[index].path : nil
    }

    /// The paths of all files.
    var paths: [String] { inputs.map(\.path) }

    /// Whether everything can be read a second time.
    var isReadable: Bool { inputs.allSatisfy(\.isRegular) }

    /// Of the files from one on the first that another feed's position has behind it, under
    /// whatever path or name: also one that begins with what was read of another.
    func read(before position: FilePosition, from index: Int) throws -> String? {
        try inputs.dropFirst(index).first { input in
            guard input.isRegular else { return false }
            if position.files.mayHaveRows(of: input.path) { return true }
            // The open file may have another name, too.
            let mayBeIn =
                position.files.isEmpty || position.files.mayHaveRows(of: position.path)
            if position.offset > 0, mayBeIn, isSame(input.path, position.path) { return true }
            guard position.files.knowsContent else { return false }
            return try beginnings(of: input).contains {
                try position.files.original(of: $0, among: []) != nil
            }
        }?.path
    }

    /// Whether two paths lead to one file.
    func isSame(_ path: String, _ other: String) -> Bool {
        if path == other { return true }
        guard let number = fileNumber(other) else { return false }
        return fileNumber(path) == number
    }

    /// Goes back before the first file.
    func rewind() {
        (fileIndex, entryIndex, entryName) = (-1, 0, nil)
        (window, archive, file, unpacked, plainBytes) = (nil, nil, nil, nil, nil)
        (filesChecksum, checksumBefore, isAtStart) = (0, 0, false)
        filesRead = FilesRead()
        headsRead = []
    }

    /// What tells two files apart, `nil` when there is none at the path.
    private func fileNumber(_ path: String) -> UInt64? {
        guard let path = try? Path(path), let info = try? files.info(path) else { return nil }
        return info.kind == .file ? info.inode : nil
    }

    /// A hash of the names of all files before one.
    func namesDigest(before index: Int) -> String {
        FeedIdentity("files", inputs.prefix(index).map(\.path)).text
    }

    /// What comes before the first record of the open stream was read.
    func noteBegun() {
        filesRead.add(input.path)
        isAtStart = false
    }

    /// Leaves the stream that is open, at its end.
    func close() {
        if archive == nil, window?.stream is FileStream { plainBytes = window?.offset }
        (window, unpacked) = (nil, nil)
    }

    /// Opens what comes next; `false` at the end of everything.
    func openNext() throws -> Bool {
        close()
        if let archive, try openEntry(of: archive, from: entryIndex + 1) { return true }
        archive = nil
        while fileIndex + 1 < inputs.count {
            if let file { filesChecksum = try checksum(after: file, bytes: plainBytes) }
            file = nil
            if try open(next: fileIndex + 1, entry: 0) { return true }
        }
        return false
    }

    /// Goes to a file, in a zip file to an entry, or the next that is no directory; `false` when
    /// there is none.
    func open(file index: Int, entry: Int) throws -> Bool {
        close()
        filesChecksum = 0
        filesRead = FilesRead()
        for before in inputs.prefix(index).suffix(FilesRead.filesMax) {
            filesRead.add(before.path)
        }
        for before in inputs.prefix(index) where before.isRegular {
            let file = try files.openForReading(Path(before.path))
            filesChecksum = try checksum(after: file, bytes: nil)
        }
        return try open(next: index, entry: entry)
    }

    /// The checksum of the files up to and with one, of which the first `bytes` count; `nil` is all.
    private func checksum(after file: any ReadFile, bytes: Int64?) throws -> UInt64 {
        let content = try OpenSourceFile.fingerprint(of: file, bytes: bytes ?? file.size())
        return Checksum.xxh3(Array(Checksum.hex(content).utf8), seed: filesChecksum)
    }

    private func open(next index: Int, entry: Int) throws -> Bool {
        fileIndex = index
        entryIndex = 0
        entryName = nil
        checksumBefore = filesChecksum
        isAtStart = true
        (archive, file, plainBytes) = (nil, nil, nil)
        let path = try Path(input.isStandardInput ? "/dev/stdin" : input.path)
        guard input.isRegular, try files.info(path)?.kind == .file else {
            let pipe = PipeStream(try files.openInput(path), name: input.displayName, wait)
            window = InputWindow(
                UnpackedPipe(pipe, name: input.displayName), readBytes: readBytes)
            return true
        }
        let file = try files.openForReading(path)
        self.file = file
        let packing = Packing(try file.readUpTo(Packing.magicBytes, at: 0))
        if packing == .zip {
            let opened = try ZipArchive(file, name: input.path)
            archive = opened
            return try openEntry(of: opened, from: entry)
        }
        let stream = FileStream(file)
        if packing != .none {
            unpacked = ScannedStream(try packing.unpacking(stream, name: input.path))
        }
        window = InputWindow(
            unpacked ?? stream, readBytes: readBytes,
            takesOpenLine: packing != .none || !follows || index + 1 < inputs.count)
        return true
    }

    private func openEntry(of archive: ZipArchive, from first: Int) throws -> Bool {
        // Those before the last one are in the checksum.
        let known = (entry: entryIndex, checksum: checksumBefore)
        let wanted = archive.wanted(matching: input.entryPattern)
        for entry in wanted where entry >= first {
            entryIndex = entry
            entryName = archive.name(of: entry)
            checksumBefore = archive.checksum(of: known.entry..<entry, after: known.checksum)
            isAtStart = true
            let stream = ScannedStream(try archive.open(entry: entry))
            unpacked = stream
            window = InputWindow(stream, readBytes: readBytes)
            return true
        }
        return false
    }
}
