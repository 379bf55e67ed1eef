import Storage

/// Which query a checkpoint belongs to; it survives every restart.
///
/// The links between entries are seeded with it, so that entries of another checkpoint never fit.
public struct CheckpointIdentity: Sendable, Hashable, CustomStringConvertible {
    /// A UUID in lower-case text.
    public let id: String

    /// The identity that a text stands for, nil unless it is a lower-case UUID.
    public init?(_ id: String) {
        let bytes = Array(id.utf8)
        guard bytes.count == 36 else { return nil }
        for (index, byte) in bytes.enumerated() {
            let isDash = [8, 13, 18, 23].contains(index)
            let isDigit = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            guard isDash ? byte == 0x2d : isDigit else { return nil }
        }
        self.id = id
    }

    /// Stands in where the identity cannot be read, so that files can at least be counted.
    static let unknown = CheckpointIdentity(verified: "")

    private init(verified id: String) {
        self.id = id
    }

    /// A new identity: a random UUID, version 4.
    public static func random(
        using generator: inout some RandomNumberGenerator
    ) -> CheckpointIdentity {
        let high = generator.next() & 0xffff_ffff_ffff_0fff | 0x4000
        let low = generator.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        let digits = Array(Checksum.hex(high) + Checksum.hex(low))
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }
        guard let identity = CheckpointIdentity(groups.joined(separator: "-")) else {
            preconditionFailure("a random UUID has the form of one")
        }
        return identity
    }

    /// The link that the first entry of a log carries.
    public var rootLink: UInt64 { link(of: []) }

    /// The link to an entry with these bytes.
    func link(of bytes: [UInt8]) -> UInt64 {
        Checksum.xxh3(bytes, seed: Checksum.xxh3(Array(id.utf8)))
    }

    /// The UUID.
    public var description: String { id }
}
