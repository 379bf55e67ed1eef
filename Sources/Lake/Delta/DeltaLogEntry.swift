import Columnar
import JSON
import Storage

// An entry of the log is `_delta_log/<version, 20 digits>.json`: JSON objects, one a line. Ours
// begin with
//
//     {"commitInfo":{"engineInfo":"streamer/1","xxh3":"<16 hexadecimal digits>",…
//
// XXH3 is over the whole file with these digits taken as zeros: the log of Delta has no checksum of
// its own, and a torn or changed entry must not pass for another table.

/// One commit, as a file of the log holds it.
struct DeltaLogEntry: Sendable {
    var info: DeltaCommitInfo
    /// What the commit does, without its commitInfo.
    var actions: [DeltaAction]

    private static let head =
        "{\"commitInfo\":{\"engineInfo\":\"\(DeltaCommitInfo.engine)\",\"xxh3\":\""
    private static let noDigits = [UInt8](repeating: UInt8(ascii: "0"), count: 16)
    /// Beyond this, an entry is no entry.
    static let bytesMax = 1 << 30

    /// The file's bytes: a function of the commit alone.
    var bytes: [UInt8] {
        var bytes = Array(Self.head.utf8)
        let digits = bytes.count
        bytes += Self.noDigits
        bytes += Array("\",\(infoMembers)}}\n".utf8)
        for action in actions { bytes += Array((action.json.text() + "\n").utf8) }
        let checksum = Checksum.hex(Checksum.xxh3(bytes))
        bytes.replaceSubrange(digits..<digits + 16, with: Array(checksum.utf8))
        return bytes
    }

    /// The members after the checksum, without the braces around them.
    private var infoMembers: String {
        var members: [(String, JSONValue)] = []
        if let timestampMs = info.timestampMs {
            members.append(("timestamp", .integer(timestampMs)))
        }
        members.append(("operation", .string(info.operation)))
        let parameters = info.parameters.map { ($0.0, JSONValue.string($0.1)) }
        members.append(("operationParameters", .object(parameters)))
        return String(JSONValue.object(members).text().dropFirst().dropLast())
    }

    init(_ info: DeltaCommitInfo, _ actions: [DeltaAction]) {
        self.info = info
        self.actions = actions
    }

    /// Reads a file of the log, ours or another writer's.
    ///
    /// - Throws: `.damagedLog` for anything that is not whole, `.unsupportedTable` for what the
    ///   protocol allows and we do not know.
    init(_ bytes: [UInt8], _ file: Path) throws(LakeError) {
        func damaged(_ why: String) -> LakeError {
            LakeError(
                .damagedLog,
                "the log entry is damaged: \(why); restore it from a copy, or clear the table and "
                    + "replay the job", path: file.string)
        }
        guard !bytes.isEmpty else { throw damaged("it is empty") }
        let hasChecksum = try Self.check(bytes, damaged)
        info = DeltaCommitInfo()
        actions = []
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            let limits = JSONValue.Limits(bytesMax: Self.bytesMax - 1)
            guard let value = try? JSONValue.parse(Array(line), limits: limits) else {
                throw damaged("line \(number + 1) is no JSON")
            }
            let read: DeltaAction?
            do throws(DeltaUnsupported) {
                read = try DeltaAction(value)
            } catch {
                throw LakeError(unsupported: error, path: file)
            }
            switch read {
            case nil: throw damaged("line \(number + 1) is not an action of the protocol")
            case .commitInfo(let found): info = found
            case .some(let action): actions.append(action)
            }
        }
        if info.isOurs, !hasChecksum { throw damaged("it has lost its checksum") }
    }

    /// Whether an entry's bytes begin as ours do.
    static func isOurs(_ bytes: [UInt8]) -> Bool { bytes.starts(with: head.utf8) }

    /// Compares an entry of ours with its checksum; false when it is not one of ours.
    private static func check(
        _ bytes: [UInt8], _ damaged: (String) -> LakeError
    ) throws(LakeError) -> Bool {
        guard isOurs(bytes) else { return false }
        let digits = head.utf8.count..<head.utf8.count + 16
        guard bytes.count > digits.upperBound,
            let noted = Checksum.parseHex(String(decoding: bytes[digits], as: UTF8.self))
        else { throw damaged("it ends in its first line") }
        var plain = bytes
        plain.replaceSubrange(digits, with: noDigits)
        guard Checksum.xxh3(plain) == noted else {
            throw damaged("it is not what was written, by its checksum")
        }
        return true
    }

    /// The transaction of an application that the commit holds.
    func transaction(of appID: String) -> Int64? {
        for case .transaction(let found, let version) in actions
        where found.utf8.elementsEqual(appID.utf8) {
            return version
        }
        return nil
    }

    /// The files that the commit adds.
    var added: [DeltaFile] {
        actions.compactMap { if case .add(let file) = $0 { file } else { nil } }
    }

    /// Whether rows of the table change, or what the table is.
    var changesTable: Bool {
        actions.contains { action in
            switch action {
            case .add(let file): file.isDataChange
            case .remove(let removal): removal.isDataChange
            case .versions, .metadata: true
            case .commitInfo, .transaction, .other: false
            }
        }
    }
}

extension LakeError {
    /// Of something in a log that the protocol allows and we do not know.
    init(unsupported: DeltaUnsupported, path: Path) {
        self.init(
            .unsupportedTable,
            "the table has \(unsupported.what), which streamer does not know; read it with another "
                + "tool", path: path.string)
    }
}
