public import Storage

/// Which files a feed has read, whatever their paths were spelled like, and what they held: a part
/// of its position, by which another feed of the same log, or a copy of a file, is known again.
///
/// As text, the oldest first and with commas between them, for each file
///
///     <16 digits of its place> [ . <bytes read> . <8 digits of their start> . <16 of all of them> ]
///
/// in hexadecimal; `-` for none. Earlier builds wrote the places alone, one behind the other.
public struct FilesRead: Hashable, Sendable {
    /// The most files that are kept: the last ones, since a position is stored with every append.
    public static let filesMax = 100
    /// What earlier builds kept.
    private static let filesReadMax = 250

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
        let known = entries.first { $0.place == place }
        entries.removeAll { $0.place == place }
        entries.append(Entry(place: place, content: known?.content))
        if entries.count > Self.filesMax { entries.removeFirst(entries.count - Self.filesMax) }
    }

    /// Notes what was read of the file that was added last.
    public mutating func noteRead(_ content: FileContent) {
        guard let last = entries.indices.last else { return }
        entries[last].content = content
    }

    /// Whether there is none.
    public var isEmpty: Bool { entries.isEmpty }

    /// Whether a file is one of them.
    public func contains(_ path: String) -> Bool {
        let place = Self.place(of: path)
        return entries.contains { $0.place == place }
    }

    /// What was read of a file.
    public func content(of path: String) -> FileContent? {
        let place = Self.place(of: path)
        return entries.first { $0.place == place }?.content
    }

    /// Finds a file that was read and that another file begins with.
    ///
    /// - Parameters:
    ///   - file: the other file.
    ///   - paths: where files that were read may lie.
    /// - Returns: its path, `nil` when it is none of those, and what was read of it; `nil` when
    ///   there is no such file.
    /// - Throws: what reading throws.
    public func original(
        of file: any ReadFile, among paths: [String]
    ) throws -> (path: String?, content: FileContent)? {
        let size = try file.size()
        var starts: [Int64: UInt64] = [:]
        for entry in entries {
            guard let content = entry.content, content.bytes <= size else { continue }
            let length = min(content.bytes, FileContent.startBytes)
            let start = try starts[length] ?? FileContent.start(of: file, bytes: length)
            starts[length] = start
            guard start == content.start,
                try FileContent(of: file, bytes: content.bytes) == content
            else { continue }
            return (paths.first { Self.place(of: $0) == entry.place }, content)
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

/// What the first bytes of a file are, by checksums that cost little.
public struct FileContent: Hashable, Sendable {
    /// How many bytes.
    public let bytes: Int64
    /// A checksum of those at the start, by which most other files are told apart.
    let start: UInt64
    /// A checksum by ``OpenSourceFile/fingerprint(of:bytes:)``.
    let fingerprint: UInt64

    static let startBytes: Int64 = 4_096

    /// The first bytes of a file.
    public init(of file: any ReadFile, bytes: Int64) throws {
        self.bytes = bytes
        start = try Self.start(of: file, bytes: min(bytes, Self.startBytes))
        fingerprint = try OpenSourceFile.fingerprint(of: file, bytes: bytes)
    }

    /// 32 bits of a checksum of the first bytes.
    static func start(of file: any ReadFile, bytes: Int64) throws -> UInt64 {
        Checksum.xxh3(try file.readUpTo(Int(bytes), at: 0)) >> 32
    }

    /// Whether a file has these bytes and no more.
    public func isAll(of file: any ReadFile) throws -> Bool {
        guard try file.size() == bytes else { return false }
        return try FileContent(of: file, bytes: bytes) == self
    }

    /// Whether a file begins with these bytes.
    public func isStart(of file: any ReadFile) throws -> Bool {
        guard try file.size() >= bytes else { return false }
        return try FileContent(of: file, bytes: bytes) == self
    }

    var text: String {
        "\(String(bytes, radix: 16)).\(Checksum.hex(start).suffix(8)).\(Checksum.hex(fingerprint))"
    }

    init?(_ text: some StringProtocol) {
        let parts = String(text).split(
            separator: "." as Character, omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Int64(parts[0], radix: 16), bytes >= 0,
            parts[1].utf8.count == 8, let start = Checksum.parseHex("00000000\(parts[1])"),
            let fingerprint = Checksum.parseHex(parts[2])
        else { return nil }
        (self.bytes, self.start, self.fingerprint) = (bytes, start, fingerprint)
    }
}
