import ConnectorAPI
import Decoding
import Storage

/// Goes through files in order, and through the entries of those that are zip archives.
final class InputCursor {
    private let inputs: [InputFile]
    private let files: any FileSystem
    private let readBytes: Int

    /// The file that is open or was last, counting from 0; -1 before the first.
    private(set) var fileIndex = -1
    /// Within a zip file, the entry, counting from 0.
    private(set) var entryIndex = 0
    /// The file or `archive:entry`, for rejects.
    private(set) var sourceName = ""
    private(set) var window: InputWindow?
    private var archive: ZipArchive?

    init(_ inputs: [InputFile], files: any FileSystem, readBytes: Int) {
        self.inputs = inputs
        self.files = files
        self.readBytes = readBytes
    }

    /// The file that is open or was last.
    var input: InputFile { inputs[fileIndex] }

    /// The path of a file, or `nil` when there are not so many.
    func path(at index: Int) -> String? {
        inputs.indices.contains(index) ? inputs[index].path : nil
    }

    /// Whether everything can be read a second time.
    var isReadable: Bool { !inputs.contains { $0.isStandardInput } }

    /// A hash of the names of all files before one.
    func namesDigest(before index: Int) -> String {
        feedIdentity("files", inputs.prefix(index).map(\.path))
    }

    /// Leaves the stream that is open.
    func close() { window = nil }

    /// Opens what comes next; `false` at the end of everything.
    func openNext() throws -> Bool {
        window = nil
        if let archive, try openEntry(of: archive, from: entryIndex + 1) { return true }
        archive = nil
        while fileIndex + 1 < inputs.count {
            if try open(file: fileIndex + 1, entry: 0) { return true }
        }
        return false
    }

    /// Opens a file, in a zip file the given entry or the next that is no directory; `false` when
    /// there is none.
    func open(file index: Int, entry: Int) throws -> Bool {
        fileIndex = index
        entryIndex = entry
        sourceName = input.displayName
        archive = nil
        if input.isStandardInput {
            let pipe = PipeStream(try files.openInput(Path("/dev/stdin")), isStandardInput: true)
            return try openPipe(pipe)
        }
        let path = try Path(input.path)
        guard try files.info(path)?.kind == .file else {
            return try openPipe(
                PipeStream(try files.openInput(path), isStandardInput: false))
        }
        let file = try files.openForReading(path)
        let magic = try file.readUpTo(4, at: 0)
        if isZip(magic) {
            let opened = try ZipArchive(file, name: input.path)
            archive = opened
            return try openEntry(of: opened, from: entry)
        }
        let stream = FileStream(file)
        window = InputWindow(
            isGzip(magic) ? GzipStream(stream, name: input.path) : stream, readBytes: readBytes)
        return true
    }

    private func openPipe(_ pipe: PipeStream) throws -> Bool {
        let magic = try pipe.peek(4)
        guard !isZip(magic) else {
            throw FeedError(
                .unreadable, "a zip file cannot be read from a pipe; name the file instead",
                at: input.displayName)
        }
        window = InputWindow(
            isGzip(magic) ? GzipStream(pipe, name: input.displayName) : pipe,
            readBytes: readBytes)
        return true
    }

    private func openEntry(of archive: ZipArchive, from first: Int) throws -> Bool {
        for entry in first..<max(first, archive.entryCount) {
            guard let (stream, name) = try archive.open(entry: entry) else { continue }
            entryIndex = entry
            sourceName = "\(input.displayName):\(name)"
            window = InputWindow(stream, readBytes: readBytes)
            return true
        }
        return false
    }

}

// What a file is follows from its first bytes, not from its name.

func isZip(_ magic: [UInt8]) -> Bool {
    magic.starts(with: [0x50, 0x4b, 3, 4]) || magic.starts(with: [0x50, 0x4b, 5, 6])
}

func isGzip(_ magic: [UInt8]) -> Bool { magic.starts(with: [0x1f, 0x8b]) }
