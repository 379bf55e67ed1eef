import Checkpoints
import Columnar
import ConnectorAPI
import Storage

// A file is read once and known by its path, as in Spark. What users do with files that were read
// is therefore without effect (rows are appended, a file is replaced under its name) or has one
// that nobody wants (a file is renamed, copied, linked to: its rows come again). Both are told of,
// whenever the source is asked: a run that was killed may not have said it.

extension FileSource {
    /// What lies there and is no file to read, one line each.
    func passedOver(_ state: State) -> [String] {
        guard let passed = try? listing.passedOver() else { return [] }
        var lines: [String] = []
        if !passed.others.isEmpty {
            lines.append(
                "\(counted(Int64(passed.others.count), "entry", plural: "entries")) of \(description) "
                    + "not read, since no regular file: \(listed(passed.others))")
        }
        guard state.found.isEmpty, state.faults.notices.isEmpty else { return lines }
        var line = "there is no file to read yet in \(description)"
        if let filter = listing.nameFilter { line += " whose name is like '\(filter)'" }
        if let first = passed.directories.first {
            line +=
                "; directories in it are not looked into: \(listed(passed.directories)), so name them "
                + "with a glob such as '\(first)/*'"
        }
        return lines + [line]
    }

    /// What was done with files that were read, one line each.
    func habits(of state: State) -> [String] {
        var changed: [String] = []
        var repeated: [String] = []
        var begun: [String] = []
        var older: [String] = []
        var first: [Content: String] = [:]
        for found in state.found where !state.faults.isLeftOut(found.path) {
            let file = state.faults.corrected[found.path] ?? found
            if hasChanged(file) { changed.append(file.path) }
            let content = Content(bytes: file.bytes, fingerprint: file.fingerprint)
            if let other = first[content] {
                if hasRows(file) { repeated.append("\(file.path) (as \(other))") }
            } else {
                first[content] = file.path
                if let other = file.beginsWith { begun.append("\(file.path) (as \(other))") }
                if let other = file.beginningOf { older.append("\(file.path) (as \(other))") }
            }
        }
        var lines: [String] = []
        if !changed.isEmpty {
            lines.append(
                "\(counted(Int64(changed.count), "file")) changed since read, and not read again: "
                    + listed(changed) + "; give new rows in a new file")
        }
        if !repeated.isEmpty {
            lines.append(
                "\(counted(Int64(repeated.count), "file")) with the content of another that was "
                    + "read, so that its rows are there again: \(listed(repeated)); if that "
                    + "is not meant, take the copy away, clear the job and run it anew")
        }
        lines += told(
            begun, begun.count == 1 ? "begins with all" : "begin with all",
            "give new rows alone in a new file, clear the job and run it anew")
        lines += told(
            older, older.count == 1 ? "is the beginning" : "are the beginning",
            "take the older copy away, clear the job and run it anew")
        return lines
    }

    /// What is said of files that share rows with another; nothing where there are none.
    private func told(_ files: [String], _ how: String, _ remedy: String) -> [String] {
        if files.isEmpty { return [] }
        return [
            "\(counted(Int64(files.count), "file")) that \(how) of another that was read, so that "
                + "its rows are there again: \(listed(files)); if that is not meant, \(remedy)"
        ]
    }

    /// Whether a file has other bytes than those that were read; one that is gone has none.
    private func hasChanged(_ file: SourceFile) -> Bool {
        guard let path = try? Path(file.path), let info = try? files.info(path), info.kind == .file,
            info.size != file.bytes || info.modifiedNanos != file.modifiedNanos
        else { return false }
        guard info.size == file.bytes, let open = try? files.openForReading(path) else {
            return true
        }
        return (try? OpenSourceFile.fingerprint(of: open, bytes: info.size)) != file.fingerprint
    }

    /// Whether a file that lies there has rows; of one that has changed or is gone it may have had.
    private func hasRows(_ file: SourceFile) -> Bool {
        guard file.bytes > 0, let path = try? Path(file.path),
            let open = try? files.openForReading(path), (try? open.size()) == file.bytes
        else { return file.bytes > 0 }
        return (try? rows.hasRows(open, bytes: file.bytes)) ?? true
    }
}

/// What a file holds, as far as its list in the checkpoint tells.
private struct Content: Hashable {
    let bytes: Int64
    let fingerprint: UInt64
}
