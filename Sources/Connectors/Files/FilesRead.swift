import Storage

/// Which files a feed has read, whatever their paths were spelled like: a part of its position, by
/// which another feed of the same log finds them again.
///
/// As text, 16 hexadecimal digits a file, the oldest first; `-` for none.
public struct FilesRead: Hashable, Sendable {
    /// The most files that are kept: the last ones, since a position is stored with every append.
    public static let filesMax = 250

    private var keys: [UInt64] = []

    /// None yet.
    public init() {}

    /// Adds a file behind the others.
    public mutating func add(_ path: String) {
        let key = Self.key(of: path)
        keys.removeAll { $0 == key }
        keys.append(key)
        if keys.count > Self.filesMax { keys.removeFirst(keys.count - Self.filesMax) }
    }

    /// Whether a file is one of them.
    public func contains(_ path: String) -> Bool { keys.contains(Self.key(of: path)) }

    /// The place from the root, without links, as a number: the same for every spelling.
    private static func key(of path: String) -> UInt64 {
        let place = try? POSIXFileSystem.resolved(Path(path)).string
        return Checksum.xxh3(Array((place ?? path).utf8))
    }

    /// The files as text.
    public var text: String {
        keys.isEmpty ? "-" : keys.map { Checksum.hex($0) }.joined()
    }

    /// The files that a text tells, or `nil`.
    public init?(_ text: some StringProtocol) {
        if text == "-" { return }
        let digits = Array(text.utf8)
        guard !digits.isEmpty, digits.count % 16 == 0, digits.count / 16 <= Self.filesMax else {
            return nil
        }
        for start in stride(from: 0, to: digits.count, by: 16) {
            let part = Substring(decoding: digits[start..<start + 16], as: UTF8.self)
            guard let key = Checksum.parseHex(part) else { return nil }
            keys.append(key)
        }
    }
}
