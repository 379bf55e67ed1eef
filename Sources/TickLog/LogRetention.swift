import JSON
public import Storage

// The file `retention`, which whoever writes the log obeys:
//
//     v1 <XXH3 of the next line, seeded by the log, 16 digits>
//     {"ageMicros":2592000000000,"bytes":100000000000}
//
// Either may be missing. It takes the place of the one before in one step.

/// How long rows of a log are kept.
public struct LogRetention: Sendable, Equatable {
    static let fileName = "retention"
    private static let fileBytesMax = 4_096
    /// A segment takes rows for at most this part of the age.
    public static let segmentsPerAge: Int64 = 32
    /// A segment has at most this part of the bytes.
    public static let segmentsPerLog: Int64 = 16

    /// Rows that were sealed longer ago than this go, in microseconds; `nil` is no limit.
    public var ageMicros: Int64?
    /// The oldest rows go while the log has more bytes than this; `nil` is no limit.
    public var bytes: Int64?

    /// A retention by age, by bytes, or by both: whatever is reached first.
    public init(ageMicros: Int64? = nil, bytes: Int64? = nil) {
        self.ageMicros = ageMicros
        self.bytes = bytes
    }

    /// How large a segment may grow, so that going by whole segments is exact enough.
    public var segmentBytesMax: Int {
        let most = Int64(TickLogOptions().segmentBytesMax)
        guard let bytes else { return Int(most) }
        return Int(min(most, max(bytes / Self.segmentsPerLog, 1 << 18)))
    }

    /// The retention of a log; `nil` when it has none.
    ///
    /// - Throws: `.damaged` when the file does not match its checksum.
    public static func read(
        _ path: Path, _ files: any FileSystem
    ) throws(TickLogError) -> LogRetention? {
        let log = try LogDirectory.description(path, files)
        let file = try storage { () throws(StorageError) in try path.appending(fileName) }
        let bytes = try storage { () throws(StorageError) in
            try files.readOwnIfThere(file, maxBytes: fileBytesMax)
        }
        guard let bytes else { return nil }
        guard let retention = LogRetention(bytes, seed: log.seed) else {
            throw TickLogError(
                .damaged,
                "the log's retention does not match its checksum; nothing is removed. Set it anew "
                    + "(streamer log retain), or remove this file", file: file, position: 0)
        }
        return retention
    }

    /// Stores it for whoever writes the log; `nil` takes it away.
    public static func store(
        _ retention: LogRetention?, _ path: Path, _ files: any FileSystem
    ) throws(TickLogError) {
        let log = try LogDirectory.description(path, files)
        try storage { () throws(StorageError) in
            let file = try path.appending(fileName)
            guard let retention else { return try files.remove(file) }
            try files.createAtomically(
                file, mode: .replace, contents: retention.text(seed: log.seed))
        }
    }

    private func text(seed: UInt64) -> [UInt8] {
        var members: [(String, JSONValue)] = []
        if let ageMicros { members.append(("ageMicros", .integer(ageMicros))) }
        if let bytes { members.append(("bytes", .integer(bytes))) }
        let line = Array(JSONValue.object(members).text().utf8)
        let checksum = Checksum.hex(Checksum.xxh3(line, seed: seed))
        return Array("v1 \(checksum)\n".utf8) + line + [UInt8(ascii: "\n")]
    }

    private init?(_ text: [UInt8], seed: UInt64) {
        guard let end = text.firstIndex(of: UInt8(ascii: "\n")), end + 1 < text.count,
            text.last == UInt8(ascii: "\n"), case let line = Array(text[(end + 1)...].dropLast()),
            String(decoding: text[..<end], as: UTF8.self)
                == "v1 " + Checksum.hex(Checksum.xxh3(line, seed: seed)),
            let value = try? JSONValue.parse(line)
        else { return nil }
        ageMicros = value["ageMicros"]?.int64Value
        bytes = value["bytes"]?.int64Value
        guard ageMicros ?? 0 >= 0, bytes ?? 0 >= 0 else { return nil }
    }
}
