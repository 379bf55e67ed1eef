import Columnar
import CommandLine
import Storage
import TickLog

/// A tick log that a user names by its folder, or leaves out when there is only one below `log`.
func openLog(_ arguments: Arguments) throws -> TickLogReader {
    if let word = arguments.optionalWord("LOG") { return try openLog(at: Path(word)) }
    let all = try logs(in: ProjectFolder.log.path())
    switch all.count {
    case 1: return try openLog(at: all[0])
    case 0: throw arguments.fault("say which log: there is none below ./log")
    default:
        throw arguments.fault("say which log: there are \(listed(all.map(\.string)))")
    }
}

/// The log in a folder.
func openLog(at path: Path) throws -> TickLogReader {
    do {
        TickLogWriter.mend(path, machineFiles)
        return try TickLogReader(path, machineFiles)
    } catch {
        guard error.code == .notFound else { throw error }
        throw try noLog(at: path)
    }
}

/// That there is no log in a folder, and where there are some.
func noLog(at path: Path) throws -> UsageError {
    let names = (try? logs(in: ProjectFolder.log.path()).map(\.string)) ?? []
    if let kind = try machineFiles.info(path)?.kind, kind != .directory {
        return UsageError("\(shown(path.string)) is a file, not the folder of a tick log")
    }
    return UsageError(
        "there is no tick log in \(shown(path.string))"
            + (names.isEmpty ? "" : "; there are: \(listed(names))")
            + ". 'streamer log append' fills one, or the feed of a job")
}

/// The tick logs directly below a folder.
func logs(in folder: Path) throws(StorageError) -> [Path] {
    var found: [Path] = []
    for path in try subfolders(of: folder)
    where try machineFiles.isTaken(path.appending("log.json")) {
        found.append(path)
    }
    return found
}

extension TickLogReader {
    /// The offsets between two places; what is not given is the log's own border.
    ///
    /// - Throws: a mistake when the end comes before the start.
    func range(from: LogPosition?, to: LogPosition?) throws -> Range<Int64> {
        let start = try from.map { try offset(of: $0) } ?? startOffset
        let end = try to.map { try offset(of: $0) } ?? endOffset
        if let from, let to, end < start || from.isAfter(to) {
            throw UsageError("--to comes before --from: there is nothing between them")
        }
        let first = min(max(start, startOffset), endOffset)
        return first..<max(first, min(end, endOffset))
    }

    private func offset(of position: LogPosition) throws -> Int64 {
        switch position {
        case .offset(let offset): offset
        case .time(let micros): try offset(atOrAfter: micros) ?? endOffset
        }
    }
}
