import Checkpoints
import CommandLine
import FileSources
import Jobs
import Storage
import TickLog

/// What is known of a source of a job while nothing is changed.
struct SourceFacts {
    let name: String
    let path: String
    /// What the source is: `log` or `directory`.
    let word: String
    /// Who has the log open to append.
    let writer: String?
    let offsets: Range<Int64>
    /// Files that no run has seen.
    let newFiles: Int
    /// Rows that came while it was watched.
    var rowsComing: Int64 = 0
    var nextOffset: Int64 = 0

    init(_ source: SourceSpec, checkpoint: Path) throws {
        name = source.name
        path = source.path
        switch try JobInput(source, checkpoint: checkpoint) {
        case .files(let files):
            let found = try files.look()
            word = "directory"
            writer = nil
            offsets = 0..<found.endOffset
            newFiles = found.newFiles
        case .log(let log, let backfilled):
            word = "log"
            writer = try machineFiles.lockHolder(log.path.appending("LOCK"))
            newFiles = 0
            let record = HandOffRecord(
                checkpoint: checkpoint, source: source.name, files: machineFiles)
            if backfilled != nil, let handOff = try record.read() {
                offsets = 0..<handOff.offset(ofLog: log.endOffset)
            } else {
                offsets = log.startOffset..<log.endOffset
            }
        }
    }

    var isRead: Bool { rowsLeft == 0 && newFiles == 0 }
    var isSilent: Bool { isRead && rowsComing == 0 }

    private var rowsLeft: Int64 { max(0, offsets.upperBound - nextOffset) }

    /// What no batch has read.
    var unread: String {
        newFiles > 0 ? counted(Int64(newFiles), "file") : counted(rowsLeft, "row")
    }

    var growth: String {
        if word == "directory" {
            return newFiles > 0 ? "yes, \(counted(Int64(newFiles), "new file"))" : "no new file"
        }
        let held =
            writer.map { "; a writer has it open: \($0)" } ?? "; nobody has it open to append"
        return rowsComing > 0
            ? "yes, \(counted(rowsComing, "row")) in the last 0.3 s\(held)" : "no\(held)"
    }
}
