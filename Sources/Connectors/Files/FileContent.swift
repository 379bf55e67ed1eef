public import Storage

/// What the first bytes of a file are, by checksums that cost little; of a packed file, what the
/// first bytes of its content are, so that a file and its packed form are one.
public struct FileContent: Hashable, Sendable {
    /// How many bytes.
    public let bytes: Int64
    /// 32 bits of a checksum of those at the start, by which most other files are told apart.
    let start: UInt64
    /// A checksum by ``OpenSourceFile/fingerprint(of:bytes:)``.
    let fingerprint: UInt64

    /// How many bytes at the start tell most files apart.
    public static let startBytes: Int64 = 4_096
    /// How many at the end are looked at.
    public static let tailBytes: Int64 = 65_536

    /// The first bytes of a file.
    public init(of file: any ReadFile, bytes: Int64) throws {
        self.bytes = bytes
        start = try Self.start(of: file.readUpTo(Int(min(bytes, Self.startBytes)), at: 0))
        fingerprint = try OpenSourceFile.fingerprint(of: file, bytes: bytes)
    }

    /// Bytes of which the first and the last are at hand.
    ///
    /// - Parameters:
    ///   - bytes: how many there are.
    ///   - head: the first ``startBytes``, or all.
    ///   - tail: the last ``tailBytes``, or all.
    public init(bytes: Int64, head: [UInt8], tail: [UInt8]) {
        self.bytes = bytes
        start = Self.start(of: head)
        fingerprint = OpenSourceFile.fingerprint(bytes: bytes, head: head, tail: tail)
    }

    /// 32 bits of a checksum of the first bytes.
    public static func start(of head: [UInt8]) -> UInt64 { Checksum.xxh3(head) >> 32 }

    /// Whether a file has these bytes and no more.
    public func isAll(of file: any ReadFile) throws -> Bool {
        guard try file.size() == bytes else { return false }
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

/// Where the beginnings of a file, or of what is packed in it, are looked at.
public protocol Beginnings: AnyObject {
    /// 32 bits of a checksum of so many first bytes, at most ``FileContent/startBytes``; `nil` when
    /// there are not so many.
    func start(bytes: Int64) throws -> UInt64?
    /// The first bytes; `nil` when there are not so many. Asked for more and more of them.
    func content(bytes: Int64) throws -> FileContent?
}

/// The beginnings of a file as it is.
public final class FileBeginnings: Beginnings {
    private let file: any ReadFile
    private let size: Int64
    private let head: [UInt8]

    /// Those of a file that is open.
    public init(_ file: any ReadFile) throws {
        self.file = file
        size = try file.size()
        head = try file.readUpTo(Int(min(size, FileContent.startBytes)), at: 0)
    }

    /// 32 bits of a checksum of so many first bytes.
    public func start(bytes: Int64) throws -> UInt64? {
        bytes <= size ? FileContent.start(of: Array(head.prefix(Int(bytes)))) : nil
    }

    /// The first bytes.
    public func content(bytes: Int64) throws -> FileContent? {
        bytes <= size ? try FileContent(of: file, bytes: bytes) : nil
    }
}
