import Storage

/// Which files a feed has read, whatever their paths were spelled like, and what they held: a part
/// of its position, by which another feed of the same log, or a copy of a file, is known again.
///
/// As text, the oldest first and with commas between them, for each file
///
///     <16 digits of its place> [ . <bytes read> . <8 digits of their start> . <16 of all of them> ]
///
/// in hexadecimal; `-` for none. Of a packed file that is what was read of its content; an archive
/// has a line for each file in it of which something was read. Earlier builds wrote the places alone, one behind the other.
public struct FilesRead: Hashable, Sendable {
    /// The most files that are kept: the last ones, since a position is stored with every append.
    public static let filesMax = 100
    /// What earlier builds kept.
    private static let filesReadMax = 250
    /// Of an archive the most files that are kept.
    private static let partsMax = 16

    /// A file that was read.
    private struct Entry: Hashable {
        var place: UInt64
        /// What was read of it; `nil` where that was no row, or is not known.
        var content: FileContent?
    }

    private var entries: [Entry] = []

    /// None yet.
    public init() {}

    /// Adds a file behind the others.
    public mutating func add(_ path: String) {
        let place = Self.place(of: path)
        let known = entries.filter { $0.place == place }
        entries.removeAll { $0.place == place }
        entries += known.isEmpty ? [Entry(place: place)] : known
        if entries.count > Self.filesMax { entries.removeFirst(entries.count - Self.filesMax) }
    }

    /// Notes what was read of the file that was added last.
    ///
    /// - Parameters:
    ///   - content: what it was.
    ///   - isPart: whether it is one of several things in the file.
    public mutating func noteRead(_ content: FileContent, isPart: Bool = false) {
        guard let last = entries.indices.last else { return }
        let place = entries[last].place
        guard isPart, entries[last].content != nil else { return entries[last].content = content }
        let parts = entries.filter { $0.place == place }
        guard parts.count < Self.partsMax, !parts.contains(where: { $0.content == content }) else {
            return
        }
        entries.append(Entry(place: place, content: content))
        if entries.count > Self.filesMax { entries.removeFirst() }
    }

    /// These files, and in front of them those of an earlier reading which are not among them.
    public func following(_ earlier: FilesRead) -> FilesRead {
        var all = self
        all.entries = earlier.entries.filter { old in !entries.contains { $0.place == old.place } }
        all.entries = (all.entries + entries).suffix(Self.filesMax)
        return all
    }

    /// Whether there is none.
    public var isEmpty: Bool { entries.isEmpty }

    /// Whether a file is one of them.
    public func contains(_ path: String) -> Bool {
        let place = Self.place(of: path)
        return entries.contains { $0.place == place }
    }

    /// Whether rows of a file may have been read.
    ///
    /// The last file is the one that a feed stands in: of that one it may have no row yet. Positions
    /// of earlier builds do not tell.
    public func mayHaveRows(of path: String) -> Bool {
        let place = Self.place(of: path)
        guard let entry = entries.first(where: { $0.place == place }) else { return false }
        return entry.content != nil || place != entries.last?.place || !knowsContent
    }

    /// What was read of a file.
    public func content(of path: String) -> FileContent? {
        let place = Self.place(of: path)
        return entries.first { $0.place == place }?.content
    }

    /// Whether something of a file was read and is still known.
    public var knowsContent: Bool { entries.contains { $0.content != nil } }

    /// Finds a file that was read and that another file begins with.
    ///
    /// - Parameters:
    ///   - other: the beginnings of the other file.
    ///   - paths: where files that were read may lie.
    /// - Returns: its path, `nil` when it is none of those, and what was read of it; `nil` when
    ///   there is no such file.
    /// - Throws: what reading throws.
    public func original(
        of other: some Beginnings, among paths: [String]
    ) throws -> (path: String?, content: FileContent)? {
        let known = entries.compactMap { entry in entry.content.map { (entry.place, $0) } }
        for (place, content) in known.sorted(by: { $0.1.bytes < $1.1.bytes }) {
            let length = min(content.bytes, FileContent.startBytes)
            guard try other.start(bytes: length) == content.start,
                try other.content(bytes: content.bytes) == content
            else { continue }
            return (paths.first { Self.place(of: $0) == place }, content)
        }
        return nil
    }

    /// The place from the root, without links, as a number: the same for every spelling.
    private static func place(of path: String) -> UInt64 {
        let place = try? POSIXFileSystem.resolved(Path(path)).string
        return Checksum.xxh3(Array((place ?? path).utf8))
    }

    /// The files as text.
    public var text: String {
        guard !entries.isEmpty else { return "-" }
        return entries.map { entry in
            Checksum.hex(entry.place) + (entry.content.map { ".\($0.text)" } ?? "")
        }.joined(separator: ",")
    }

    /// The files that a text tells, or `nil`.
    public init?(_ text: some StringProtocol) {
        if text == "-" { return }
        let parts =
            text.utf8.count % 16 == 0 && text.allSatisfy(\.isHexDigit)
            ? Self.chunks(of: String(text))
            : String(text).split(separator: "," as Character, omittingEmptySubsequences: false)
                .map { String($0) }
        guard 1...Self.filesReadMax ~= parts.count else { return nil }
        for part in parts {
            let fields = part.split(
                separator: "." as Character, maxSplits: 1, omittingEmptySubsequences: false)
            guard let place = Checksum.parseHex(fields[0]) else { return nil }
            var content: FileContent?
            if fields.count == 2 {
                guard let read = FileContent(fields[1]) else { return nil }
                content = read
            }
            entries.append(Entry(place: place, content: content))
        }
    }

    private static func chunks(of text: String) -> [String] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count, by: 16).map { start in
            String(decoding: digits[start..<start + 16], as: UTF8.self)
        }
    }
}
