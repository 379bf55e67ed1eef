import JSON
import Storage

// `metadata` is written once, when the checkpoint is made:
//
//     {"id":"<uuid>","jobChecksum":true}
//
// `jobChecksum` says that `job.json` has a checksum; it lacks in checkpoints of older programs,
// whose `job.json` may have none. `job.json` is the text of the job, a JSON object, with the
// checksum as its first member:
//
//     {"xxh3":"<16 hexadecimal digits>",<the text behind its first brace>
//
// XXH3-64 is over the text as the job has it, seeded with the identity, so that the job of another
// checkpoint does not fit either.

/// What a checkpoint says about itself.
struct CheckpointMetadata: Sendable {
    private static let idKey = "id"
    private static let jobKey = "jobChecksum"

    let identity: CheckpointIdentity
    /// Whether the job's file must have a checksum.
    let hasJobChecksum: Bool

    /// Of a new checkpoint.
    init(_ identity: CheckpointIdentity) {
        self.identity = identity
        hasJobChecksum = true
    }

    /// What the bytes of the file say.
    init(_ bytes: [UInt8], _ path: Path) throws(CheckpointError) {
        guard let text = String(utf8: bytes) else {
            throw EntryText.damaged(path, "it is not UTF-8")
        }
        let fields = try EntryFields(text, path: path)
        guard fields.has(only: [Self.idKey, Self.jobKey]) else {
            throw EntryText.damaged(path, "it has a member that no version of it has")
        }
        let id = try fields.string(Self.idKey)
        guard let identity = CheckpointIdentity(id) else {
            throw EntryText.damaged(path, "'\(id)' is not an identity")
        }
        self.identity = identity
        hasJobChecksum = try fields.has(Self.jobKey) ? fields.bool(Self.jobKey) : false
    }

    /// The text of the file.
    var text: String {
        JSONValue.object([
            (Self.idKey, .string(identity.id)), (Self.jobKey, .bool(hasJobChecksum)),
        ]).text() + "\n"
    }
}

/// The job as its file in the checkpoint holds it.
enum RecordedJob {
    private static let head = Array(#"{"xxh3":""#.utf8)
    private static let tail = Array(#"","#.utf8)
    private static let digits = 16

    /// The bytes of the file.
    static func encode(_ text: String, _ identity: CheckpointIdentity) -> [UInt8] {
        let bytes = Array(text.utf8)
        precondition(bytes.first == UInt8(ascii: "{"), "a job's text is a JSON object")
        let checksum = Checksum.hex(identity.link(of: bytes))
        return head + Array(checksum.utf8) + tail + bytes.dropFirst()
    }

    /// The text of the job.
    static func decode(
        _ bytes: [UInt8], _ metadata: CheckpointMetadata, _ path: Path
    ) throws(CheckpointError) -> String {
        let start = head.count + digits + tail.count
        var text = bytes
        if bytes.starts(with: head) {
            let noted = bytes.dropFirst(head.count).prefix(digits)
            text = [UInt8(ascii: "{")] + bytes.dropFirst(start)
            guard bytes.count > start, bytes[(start - tail.count)..<start].elementsEqual(tail),
                Checksum.parseHex(String(decoding: noted, as: UTF8.self))
                    == metadata.identity.link(of: text)
            else { throw EntryText.damaged(path, "its bytes do not match its checksum") }
        } else if metadata.hasJobChecksum {
            throw EntryText.damaged(path, "it has lost its checksum")
        }
        guard let job = String(utf8: text) else {
            throw EntryText.damaged(path, "it is not UTF-8")
        }
        return job
    }
}
