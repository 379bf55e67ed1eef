import JSON
import Storage
import Synchronization

// The file `positions`, for feeds that came further without giving a row:
//
//     v1 <XXH3 of the next line, seeded by the log, 16 digits>
//     {"<producer>": ["<position in the log, or null>", "<position>"], …}
//
// A position counts while the log's own is still the first of the two. The file is only written
// when all rows are durable, and takes the place of the one before in one step. One that is missing
// or does not verify says nothing: the feed then repeats what gave no row.

/// The positions of producers behind the last of their rows.
struct RowlessPositions: Sendable, Equatable {
    static let fileName = "positions"
    private static let bytesMax = 16 << 20

    struct Entry: Sendable, Equatable {
        /// The position that came with the producer's last row.
        var logged: String?
        var position: String
    }

    var entries: [String: Entry] = [:]

    /// No positions.
    init() {}

    /// Those of a log that still count, by the positions that are in it.
    static func read(
        _ path: Path, _ log: LogDescription, logged: [String: String], _ files: any FileSystem
    ) throws(TickLogError) -> RowlessPositions {
        let bytes = try storage { () throws(StorageError) -> [UInt8]? in
            let file = try path.appending(fileName)
            guard let info = try files.entryInfo(file), info.kind == .file, info.size <= bytesMax
            else {
                return nil
            }
            return try files.readOwn(file, maxBytes: bytesMax)
        }
        var positions = RowlessPositions(bytes ?? [], seed: log.seed) ?? RowlessPositions()
        positions.entries = positions.entries.filter { logged[$0.key] == $0.value.logged }
        return positions
    }

    /// The positions that a file's bytes tell, or `nil`.
    init?(_ bytes: [UInt8], seed: UInt64) {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), bytes.last == UInt8(ascii: "\n"),
            end < bytes.count - 1,
            case let line = Array(bytes[(end + 1)...].dropLast()),
            String(decoding: bytes[..<end], as: UTF8.self)
                == "v1 " + Checksum.hex(Checksum.xxh3(line, seed: seed)),
            let members = (try? JSONValue.parse(line))?.members
        else { return nil }
        for member in members {
            guard let parts = member.value.elements, parts.count == 2,
                parts[0].isNull || parts[0].stringValue != nil,
                let position = parts[1].stringValue
            else { return nil }
            entries[member.key] = Entry(logged: parts[0].stringValue, position: position)
        }
    }

    /// The bytes of the file.
    func bytes(seed: UInt64) -> [UInt8] {
        let members = entries.sorted { $0.key < $1.key }.map { id, entry in
            (
                id,
                JSONValue.array([
                    entry.logged.map { .string($0) } ?? .null, .string(entry.position),
                ])
            )
        }
        let line = Array(JSONValue.object(members).text().utf8)
        let checksum = Checksum.hex(Checksum.xxh3(line, seed: seed))
        return Array("v1 \(checksum)\n".utf8) + line + [UInt8(ascii: "\n")]
    }
}

extension TickLogWriter {
    /// How far a producer has come; `nil` when it was never here.
    public func producerPosition(_ id: String) -> String? {
        state.withLock { $0.rowless.entries[id]?.position ?? $0.producers[id] }
    }

    /// How far every producer has come, by its id.
    public var producerPositions: [String: String] {
        state.withLock { state in
            state.producers.merging(state.rowless.entries.mapValues(\.position)) { $1 }
        }
    }

    /// Keeps how far a producer has come that has no row to append, durably.
    ///
    /// - Throws: `.storage` when the position cannot be written: the one before is still there.
    public func keep(_ producer: ProducerPosition) throws(TickLogError) {
        try validate(producer)
        try state.withLock { (state) throws(TickLogError) in
            try check(state)
            try sync(&state)
            var next = state.rowless
            next.entries[producer.id] = RowlessPositions.Entry(
                logged: state.producers[producer.id], position: producer.position)
            _ = try storage { () throws(StorageError) in
                try files.createAtomically(
                    path.appending(RowlessPositions.fileName), mode: .replace,
                    contents: next.bytes(seed: log.seed))
            }
            state.rowless = next
        }
    }
}
