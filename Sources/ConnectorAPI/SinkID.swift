import Storage

/// Which sink of its job it is: what commits name it by.
///
/// The text is stored and compared, never shown and never parsed.
public struct SinkID: Hashable, Sendable {
    /// The text, of 32 hexadecimal digits.
    public let text: String
    private let legacyOwner: String?

    /// The id of a sink: the same while its query has its name and the job writes its place so.
    ///
    /// - Parameters:
    ///   - query: the query whose rows it gets, or what else gives it rows.
    ///   - place: where they go, as the job writes it.
    ///   - legacyOwner: what commits before this form of ids named it by, if there can be any.
    public init(query: String, place: String, legacyOwner: String? = nil) {
        let name = Array("\(query)\u{0}\(place)".utf8)
        text = Checksum.hex(Checksum.xxh3(name)) + Checksum.hex(Checksum.xxh3(name, seed: 1))
        self.legacyOwner = legacyOwner
    }

    /// Whether a commit means this sink by an owner's text.
    public func isOwner(_ owner: String) -> Bool { owner == text || owner == legacyOwner }

    /// Equality of the texts.
    public static func == (left: SinkID, right: SinkID) -> Bool { left.text == right.text }

    /// Hashes the text.
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension SinkID {
    /// The id of a sink that writes a directory.
    ///
    /// - Parameters:
    ///   - word: the format's word in job files.
    ///   - query: the query whose rows it gets, or what else gives it rows.
    ///   - place: the directory, as the job writes it.
    ///   - path: the directory, as this run sees it.
    public init(_ word: String, query: String, place: String, at path: String) {
        self.init(query: query, place: place, legacyOwner: Self.description(word, at: path))
    }

    /// What such a sink is, for people; commits of old named it so.
    public static func description(_ word: String, at path: String) -> String {
        "\(word)[\((try? Path(path).string) ?? path)]"
    }
}
