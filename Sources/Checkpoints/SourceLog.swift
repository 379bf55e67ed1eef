import JSON
public import Storage
import Synchronization

// The files that a directory source has found, in the order in which it reads them:
// `checkpoints/<job>/sources/<name>`, one line a file,
//
//     <16 hexadecimal digits> {"path":…,"bytes":…,"modifiedNanos":…,"fingerprint":…,"end":…}\n
//
// and, of files of text, "start":… before "end", and "beginsWith":… or "beginningOf":… behind it where
// that is so.
// The digits are XXH3-64 of the object's text, seeded with those of the line before (0 for the
// first), so a line that is whole but not in its place is noticed. Lines are appended and synced
// before an offset that they define is handed out; offsets go from 0 up without gaps. Spark keeps
// the same in `sources/<id>/N`.

/// A file of a directory source.
public struct SourceFile: Sendable, Equatable {
    /// Its path as it was found.
    public let path: String
    /// Its size then.
    public let bytes: Int64
    /// When its content had last changed, nanoseconds since the epoch.
    public let modifiedNanos: Int64
    /// A checksum that tells its content from another.
    public let fingerprint: UInt64
    /// A checksum of its first bytes, by which files are found that begin with it; `nil` where none
    /// can.
    public let start: UInt64?
    /// The path of a file that was found before, with all of which this one begins.
    public let beginsWith: String?
    /// The path of a file that was found before, and that begins with all of this one.
    public let beginningOf: String?
    /// Its place in the source's order of rows.
    public let offsets: Range<Int64>

    /// A file at its place.
    public init(
        path: String, bytes: Int64, modifiedNanos: Int64, fingerprint: UInt64,
        start: UInt64? = nil, beginsWith: String? = nil, beginningOf: String? = nil,
        offsets: Range<Int64>
    ) {
        self.path = path
        self.bytes = bytes
        self.modifiedNanos = modifiedNanos
        self.fingerprint = fingerprint
        self.start = start
        self.beginsWith = beginsWith
        self.beginningOf = beginningOf
        self.offsets = offsets
    }
}

/// The durable list of the files that a directory source has found.
///
/// Only the engine that holds the checkpoint's lock appends to it. Opening changes nothing on
/// disk: a line that a crash cut is left out, and cut off by the next append.
public final class SourceLog: Sendable {
    /// The directory of a checkpoint that lists and hand-offs of sources lie in.
    static let folder = "sources"

    private let path: Path
    private let files: any FileSystem
    private let isKept: Bool
    private let state: Mutex<State>

    private struct State {
        var found: [SourceFile] = []
        var link: UInt64 = 0
        /// The size of the whole lines.
        var bytes: Int64 = 0
        /// The size of what is in the file, whole or not.
        var fileBytes: Int64 = 0
        var file: (any AppendFile)?
    }

    /// Reads the list of a source; an empty one when there is none yet.
    ///
    /// - Parameters:
    ///   - checkpoint: the job's checkpoint.
    ///   - source: the source's name in the job.
    ///   - files: where the checkpoint lies.
    ///   - isKept: whether what is appended is written; who does not hold the checkpoint's lock
    ///     looks only.
    /// - Throws: a ``CheckpointError`` when lines are damaged that are not the last.
    public init(
        checkpoint: Path, source: String, files: any FileSystem, isKept: Bool = true
    ) throws {
        self.isKept = isKept
        path = try checkpoint.appending(Self.folder).appending(source)
        self.files = files
        state = Mutex(try Self.read(path, files))
    }

    /// The files, in the order of their offsets.
    public var found: [SourceFile] { state.withLock { $0.found } }

    /// Makes more files durable; their offsets follow those before.
    public func append(_ more: [SourceFile]) throws {
        guard !more.isEmpty else { return }
        try state.withLock { state in
            var text: [UInt8] = []
            var (link, end) = (state.link, state.found.last?.offsets.upperBound ?? 0)
            for file in more {
                precondition(file.offsets.lowerBound == end, "a gap between two files' offsets")
                end = file.offsets.upperBound
                let line = Self.encode(file)
                link = Checksum.xxh3(line, seed: link)
                text += Array(Checksum.hex(link).utf8) + [UInt8(ascii: " ")] + line
                text.append(UInt8(ascii: "\n"))
            }
            if isKept {
                let file = try state.file ?? open(state)
                state.file = file
                try file.write(text, at: state.bytes)
                try file.sync()
            }
            state.found += more
            state.link = link
            state.bytes += Int64(text.count)
            state.fileBytes = state.bytes
        }
    }

    /// Opens the file for appending, without what a crash left behind the last whole line.
    private func open(_ state: State) throws -> any AppendFile {
        let isNew = try !files.isTaken(path)
        if isNew {
            try files.createDirectories(path.parent)
        } else if state.fileBytes > state.bytes {
            // What a crash tore may be in the cache and not on disk: the whole lines go to a new
            // file.
            let whole = try files.readOwn(path, maxBytes: Self.bytesMax).prefix(Int(state.bytes))
            try files.createAtomically(path, mode: .replace, contents: Array(whole))
        }
        let file = try files.openForAppend(path, createNew: isNew)
        if isNew { try files.syncDirectory(path.parent) }
        return file
    }
}

extension SourceLog {
    private static let bytesMax = 1 << 31
    private static let startKey = "start"
    private static let beginsWithKey = "beginsWith"
    private static let beginningOfKey = "beginningOf"
    private static let newline = UInt8(ascii: "\n")
    /// The digits and the blank after them.
    private static let linkBytes = 17

    private static func encode(_ file: SourceFile) -> [UInt8] {
        var members: [(String, JSONValue)] = [
            ("path", .string(file.path)),
            ("bytes", .integer(file.bytes)),
            ("modifiedNanos", .integer(file.modifiedNanos)),
            ("fingerprint", .string(Checksum.hex(file.fingerprint))),
        ]
        if let start = file.start { members.append((startKey, .string(Checksum.hex(start)))) }
        members.append(("end", .integer(file.offsets.upperBound)))
        if let other = file.beginsWith { members.append((beginsWithKey, .string(other))) }
        if let other = file.beginningOf { members.append((beginningOfKey, .string(other))) }
        return Array(JSONValue.object(members).text().utf8)
    }

    private static func read(_ path: Path, _ files: any FileSystem) throws -> State {
        var state = State()
        guard let bytes = try files.readOwnIfThere(path, maxBytes: bytesMax) else { return state }
        state.fileBytes = Int64(bytes.count)
        var start = 0
        while start < bytes.count {
            guard let end = bytes[start...].firstIndex(of: newline) else { break }
            guard let file = try take(bytes[start..<end], after: &state, path) else {
                // The last line may be torn; behind a damaged one nothing whole may stand.
                guard end + 1 == bytes.count else {
                    throw EntryText.damaged(path, "line \(state.found.count + 1) is changed")
                }
                break
            }
            state.found.append(file)
            start = end + 1
            state.bytes = Int64(start)
        }
        return state
    }

    /// The file of a line; `nil` when its checksum does not match.
    private static func take(
        _ line: ArraySlice<UInt8>, after state: inout State, _ path: Path
    ) throws -> SourceFile? {
        let text = Array(line.dropFirst(linkBytes))
        let link = Checksum.xxh3(text, seed: state.link)
        guard line.prefix(linkBytes).elementsEqual((Checksum.hex(link) + " ").utf8),
            let json = String(utf8: text)
        else { return nil }
        let fields = try EntryFields(json, path: path)
        let (start, end) = (state.found.last?.offsets.upperBound ?? 0, try fields.int64("end"))
        guard start <= end else { throw EntryText.damaged(path, "offsets go back") }
        state.link = link
        return SourceFile(
            path: try fields.string("path"), bytes: try fields.int64("bytes"),
            modifiedNanos: try fields.int64("modifiedNanos"),
            fingerprint: try fields.link("fingerprint"),
            start: fields.has(startKey) ? try fields.link(startKey) : nil,
            beginsWith: fields.has(beginsWithKey) ? try fields.string(beginsWithKey) : nil,
            beginningOf: fields.has(beginningOfKey) ? try fields.string(beginningOfKey) : nil,
            offsets: start..<end)
    }
}
