import Checkpoints
import Columnar
public import ConnectorAPI
import Storage
import Synchronization

// What becomes of a file that cannot be read. The list of files in the checkpoint has a line for
// each file that was found; a second line of a path, which takes no offsets, is a note:
//
//     the same content      rows of it could not be read, so its batch was not committed
//     another content       it was corrected then, and is read in the place of the first
//
// Only a file with a note of the first kind may have another content, and only while its batch is
// not committed: a batch that was prepared once has to have the same rows again.

/// What became of files that could not be read.
struct FileFaults {
    /// The contents that are read in place of those that were found, by path.
    private(set) var corrected: [String: SourceFile] = [:]
    /// The paths of files whose content, as it is known, could not be read.
    private(set) var refused: Set<String> = []
    /// Where the rows begin that no committed batch has.
    var committed = Int64.max
    /// Files that are left out, and why.
    private var leftOut: [String: String] = [:]
    /// Files that were not taken into the list, as they were.
    private var passedOver: [String: DirectoryFiles.Found] = [:]
    /// Files that were corrected in this run.
    private var correctedNow: [String] = []

    /// The codes of faults that lie in what a file holds: the same whenever it is read.
    static let ofContent: Set<String> = [
        "malformedRecord", "otherColumns", "unreadable", "badHeader", noRoom,
    ]
    /// The code of a corrected file that has more rows than there are offsets for.
    static let noRoom = "noRoom"

    /// Takes a note about a file of a list.
    mutating func note(_ file: SourceFile, of found: [SourceFile]) {
        let known = corrected[file.path] ?? found.first { $0.path == file.path }
        if known?.fingerprint == file.fingerprint, known?.bytes == file.bytes {
            refused.insert(file.path)
        } else {
            corrected[file.path] = file
            refused.remove(file.path)
        }
    }

    /// Notes that a file was corrected in this run.
    mutating func noteCorrected(_ path: String) { correctedNow.append(path) }

    /// Leaves a file out that was found, as long as it stays as it is.
    mutating func leaveOut(_ found: DirectoryFiles.Found, _ fault: ConnectorError) {
        passedOver[found.path.string] = found
        leaveOut(found.path.string, fault)
    }

    /// Leaves a file out.
    mutating func leaveOut(_ path: String, _ fault: ConnectorError) {
        leftOut[path] = fault.message
    }

    /// Whether a file of the list is left out.
    func isLeftOut(_ path: String) -> Bool { leftOut[path] != nil }

    /// Whether a file is as it was when it was left out.
    func isLeftOut(_ found: DirectoryFiles.Found) -> Bool {
        guard let known = passedOver[found.path.string] else { return false }
        return known.bytes == found.bytes && known.modifiedNanos == found.modifiedNanos
    }

    /// What a user should know, one line each.
    var notices: [String] {
        var lines = correctedNow.map {
            "\($0) was corrected before its batch was committed, and is read as it is now"
        }
        guard let first = leftOut.min(by: { $0.key < $1.key }) else { return lines }
        lines.append(
            "\(counted(Int64(leftOut.count), "file")) left out: \(listed(leftOut.keys.sorted()))"
                + " (\(leftOut.count > 1 ? "the first: " : "")\(first.value))")
        return lines
    }
}

extension FileSource {
    /// Whether a file with such a fault is left out.
    func isLeftOut(_ fault: ConnectorError) -> Bool {
        switch fault.code {
        case OpenSourceFile.goneCode: selection.ignoresMissingFiles
        // What becomes of a record has a setting of its own.
        case "malformedRecord": false
        case "fileChanged": selection.ignoresCorruptFiles
        case let code where FileFaults.ofContent.contains(code):
            selection.ignoresCorruptFiles || rows.leavesOut(fault)
        default: false
        }
    }

    /// A block without rows for a part of a file that is left out.
    ///
    /// - Throws: the fault, where it is not; one that lies in the content is noted, so that the
    ///   file may be corrected.
    func leftOut(
        _ error: any Error, _ file: OpenSourceFile, _ offsets: Range<Int64>
    ) throws -> SourceBlock {
        let fault = ConnectorError(error)
        guard isLeftOut(fault) else {
            if FileFaults.ofContent.contains(fault.code) {
                state.withLock { noteRefused(file.content, &$0) }
            }
            throw fault
        }
        state.withLock { $0.faults.leaveOut(file.entry.path, fault) }
        // A file that is left out like a record counts as one.
        let counts = rows.leavesOut(fault) && offsets.lowerBound == file.entry.offsets.lowerBound
        return SourceBlock(
            baseOffset: offsets.lowerBound, rows: RecordBatch(empty: rows.schema),
            malformedCount: counts ? 1 : 0)
    }

    private func noteRefused(_ content: SourceFile, _ state: inout State) {
        guard let log = state.log, !state.faults.refused.contains(content.path) else { return }
        let note = content.moved(to: state.end)
        // Where the note cannot be written, the file can be corrected only after another try.
        guard (try? log.append([note])) != nil else { return }
        state.faults.note(note, of: state.found)
    }

    /// What is read of a file: as it was found, or as it was corrected before its batch was
    /// committed.
    func content(of entry: SourceFile) throws -> SourceFile {
        try state.withLock { state in
            let known = state.faults.corrected[entry.path] ?? entry
            let path = try Path(entry.path)
            guard let log = state.log, state.faults.refused.contains(entry.path),
                entry.offsets.lowerBound >= state.faults.committed,
                let info = try files.info(path), info.kind == .file
            else { return known }
            let file = try files.openForReading(path)
            let bytes = try file.size()
            let fingerprint = try OpenSourceFile.fingerprint(of: file, bytes: bytes)
            guard bytes != known.bytes || fingerprint != known.fingerprint else { return known }
            do {
                _ = try rows.offsetCount(of: file, bytes: bytes)
            } catch {
                guard isLeftOut(ConnectorError(error)) else { throw error }
                return known
            }
            let content = SourceFile(
                path: entry.path, bytes: bytes, modifiedNanos: info.modifiedNanos,
                fingerprint: fingerprint, offsets: state.end..<state.end)
            try log.append([content])
            state.faults.note(content, of: state.found)
            state.faults.noteCorrected(entry.path)
            return content
        }
    }

    /// Rows before these are committed.
    public func release(before offsets: SourceOffsets) throws(ConnectorError) {
        state.withLock { $0.faults.committed = offsets.only ?? $0.faults.committed }
    }

    /// Rows from here on are not committed.
    public func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError) {
        state.withLock { $0.faults.committed = end.only ?? 0 }
    }

    /// Files that were left out or corrected, what was done with files that were read, and what the
    /// rows' columns found.
    public func notices() -> [String] {
        state.withLock { $0.faults.notices + habits(of: $0) + passedOver($0) } + rows.notices()
    }
}

extension SourceFile {
    /// The same content at a place that takes no offsets.
    fileprivate func moved(to offset: Int64) -> SourceFile {
        SourceFile(
            path: path, bytes: bytes, modifiedNanos: modifiedNanos, fingerprint: fingerprint,
            offsets: offset..<offset)
    }
}

extension OpenSourceFile {
    /// The fault of a corrected file with more rows than there were bytes, or rows, to be.
    public func noRoom() -> ConnectorError {
        ConnectorError(
            FileFaults.noRoom,
            "the corrected file has more rows than the one that was found has offsets for "
                + "(\(entry.offsets.count)); give it another name, and leave this one out with "
                + "\"ignoreMissingFiles\": true in the source", at: entry.path)
    }
}
