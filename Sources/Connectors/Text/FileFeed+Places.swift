public import ConnectorAPI
import Decoding
import FileSources
import Storage

// A feed's place is the file, and a checksum of what was read of it; of the files before it is known
// where they lay and what they held. A new file has to come behind those that were read.

extension FileFeed {
    /// Where the feed is, as a log keeps it.
    var position: FilePosition {
        let index = max(0, cursor.fileIndex)
        let window = place == nil ? cursor.window : nil
        if let window { noteRead(of: window, isLeft: false) }
        let read = place ?? (window.map { ($0.offset, $0.readChecksum()) } ?? (0, 0))
        return FilePosition(
            file: index, entry: cursor.entryIndex, offset: read.offset, line: line, rows: rows,
            malformed: malformedCount, names: cursor.namesDigest(before: index),
            checksums: .init(before: cursor.checksumBefore, read: read.checksum),
            files: cursor.filesRead.following(filesBefore), path: cursor.input.path)
    }

    /// Goes to the place after a batch that carried this position, if what was read is still there.
    public final func resume(from position: FeedPosition) throws(ConnectorError) {
        try connectorErrors {
            guard let target = FilePosition(position.text) else {
                throw ConnectorError(
                    "badPosition",
                    "'\(position.text.prefix(100))' is not a position of a feed from files",
                    fault: .damage)
            }
            do {
                try resume(target)
            } catch {
                // Nothing of it was taken: what did not parse may have been corrected.
                guard target.rows == 0 else { throw error }
                rewind()
            }
        }
    }

    /// Begins at the start, and counts on: what is rejected must not take the place of what was.
    ///
    /// What was read until now is in the log, and is known again where it comes back after this reading.
    public final func restart(after position: FeedPosition) {
        guard let target = FilePosition(position.text) else { return }
        (rows, malformedCount) = (target.rows, target.malformed)
        filesBefore = target.files
    }

    private func resume(_ target: FilePosition) throws {
        guard cursor.isReadable else {
            throw badPosition(target, "it cannot be read a second time; use another log")
        }
        guard cursor.path(at: target.file) == target.path,
            cursor.namesDigest(before: target.file) == target.names
        else { throw otherFiles(target) }
        (rows, malformedCount) = (target.rows, target.malformed)
        pending = tooManyMalformed()
        _ = try cursor.open(file: target.file, entry: target.entry)
        if !target.files.isEmpty { cursor.filesRead = target.files }
        if let before = target.checksums?.before, before != cursor.checksumBefore {
            for path in cursor.paths[..<target.file] { try refuseChanged(path, target) }
            throw changed(
                target.path, "the files before it are not what they were when they were read")
        }
        if target.offset > 0 {
            guard cursor.entryIndex == target.entry, let window = cursor.window else {
                throw changed(target.path, "the archive has changed: its entry is gone")
            }
            try resume(window, target)
        } else {
            place = (0, ChecksumStream().value)
        }
        line = target.line
    }

    /// The fault of a list of files that does not begin with those that were read.
    private func otherFiles(_ target: FilePosition) -> ConnectorError {
        let paths = cursor.paths
        let end = paths.firstIndex(of: target.path) ?? paths.endIndex
        let late = paths[..<end].first { !target.files.contains($0) }
        // Of very many files the first are not known any more.
        if let late, target.file < FilesRead.filesMax, end < paths.endIndex {
            return ConnectorError(
                "badPosition",
                "this file was not read, and comes before \(target.path), which was: give it a name "
                    + "that comes behind that, or, if it is one that was read under another name, "
                    + "give it its name back; to read all of them anew, use another log, or 'streamer "
                    + "log append --again'",
                at: late, fault: .damage)
        }
        return ConnectorError(
            "badPosition",
            "the feed was in this file, and it, or one before it, is gone or has another name, or one "
                + "that was read has come back before it: put the file back as it was, or move away "
                + "what has come back; to read what there is anew, use another log, or 'streamer log "
                + "append --again'", at: target.path, fault: .damage)
    }

    /// Refuses a file that was read and left, and is another one now.
    private func refuseChanged(_ path: String, _ target: FilePosition) throws {
        guard let content = target.files.content(of: path), try !cursor.holds(path, content) else {
            return
        }
        throw changed(path, "it was read before \(target.path), and is not what it was then")
    }

    /// Goes to a place in a stream behind its start.
    private func resume(_ window: InputWindow, _ target: FilePosition) throws {
        var progress = ParseProgress(rowsMax: 1, line: 1)
        cursor.filesRead.add(target.path)
        try begin(window, &progress, again: true)
        guard try window.skip(to: target.offset) else {
            throw changed(
                target.path,
                "the feed was at byte \(target.offset), and the file is shorter now")
        }
        if let checksums = target.checksums, checksums.read != window.readChecksum() {
            throw changed(
                target.path,
                "its first \(target.offset) bytes, which were read, are not what they were")
        }
        try refuseHalfRecord(window, target)
    }

    /// Refuses a last line that was taken for a whole record and goes on now.
    private func refuseHalfRecord(_ window: InputWindow, _ target: FilePosition) throws {
        guard let last = window.lastRead, last != UInt8(ascii: "\n"),
            let next = try window.peek(), next != UInt8(ascii: "\n"), next != UInt8(ascii: "\r")
        else { return }
        throw changed(
            target.path,
            "the line that ended at byte \(target.offset) without a line end was read as a whole "
                + "record, and goes on now, so half a record was taken")
    }

    private static let waysOn =
        "put the file back as it was, and give other rows in a new file; to read all files of the "
        + "feed anew, use another log, or 'streamer log append --again'"

    private func badPosition(_ target: FilePosition, _ what: String) -> ConnectorError {
        ConnectorError("badPosition", what, at: target.path, fault: .damage)
    }

    private func changed(_ path: String, _ what: String) -> ConnectorError {
        ConnectorError("fileChanged", "\(what): \(Self.waysOn)", at: path, fault: .damage)
    }

    /// Whether the other feed was in one of this feed's files: then its rows are in the log.
    ///
    /// After ``resume(from:)`` only what this feed has not read counts.
    public final func conflict(
        with other: FeedIdentity, at position: FeedPosition
    ) -> ConnectorError? {
        guard let theirs = FilePosition(position.text), theirs.rows > 0, replay.identity != nil
        else { return nil }
        var first = max(0, cursor.fileIndex)
        let offset = place?.offset ?? cursor.window?.offset ?? (cursor.fileIndex < 0 ? 0 : .max)
        if offset > 0, let path = cursor.path(at: first) {
            // Both have read of this file: the one that has read less would repeat the other.
            // A file that was cut since has nothing more of what they have read.
            if cursor.isSame(path, theirs.path), theirs.offset > offset,
                cursor.begins(path, with: theirs.files.content(of: path))
            {
                return readBefore(path, theirs)
            }
            first += 1
        }
        return (try? cursor.read(before: theirs, from: first)).flatMap { readBefore($0, theirs) }
    }

    private func readBefore(_ path: String, _ theirs: FilePosition) -> ConnectorError {
        let extent = cursor.isSame(path, theirs.path) ? ", up to byte \(theirs.offset)" : ""
        return ConnectorError(
            "readBefore",
            "the log has rows of this file\(extent), by a feed of other files, columns or "
                + "settings, or under another path, and all of them would come again: give the feed "
                + "as it was, or use another log; 'streamer log append --again' appends them again",
            at: path)
    }

    /// Refuses a file that begins with all that was read of one which is gone; notes a copy.
    func refuseRenamed() throws {
        guard let original = try cursor.originalOfOpenFile() else { return }
        let path = cursor.sourceName
        guard original.isEmpty else {
            if !copies.contains(where: { $0.path == path }) { copies.append((path, original)) }
            return
        }
        throw ConnectorError(
            "renamed",
            "it begins with all that was read of a file which is gone, so it seems to be that file "
                + "under another name, and its rows would come again: give it its name back, or move "
                + "it away; 'streamer log append --again' appends it nevertheless", at: path)
    }

    /// Notes an older copy of a file that was read: all of its rows were in that.
    func noteOlderCopy(_ window: InputWindow) {
        // What cannot be looked at any more cannot be told of.
        guard window.offset > recordsStart, replay.identity != nil,
            let original = try? cursor.longerFile(thanOpenOneOf: window.offset)
        else { return }
        let path = cursor.sourceName
        if !olderCopies.contains(where: { $0.path == path }) {
            olderCopies.append((path, original))
        }
    }

    /// What the columns found, which fields no column reads, and which files came twice.
    public final func notices() -> [String] {
        parser.fieldUse.notices(of: columnsRead)
            + copies.map { copy in
                "\(copy.path) begins with all that was read of \(copy.original): these rows are in "
                    + "the log again"
            }
            + olderCopies.map { copy in
                "\(copy.path) is the beginning of \(copy.original), which was read: these rows are in "
                    + "the log again"
            }
    }
}
