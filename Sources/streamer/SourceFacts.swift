import Columnar
import ConnectorAPI
import Jobs
import Storage

/// What is known of a source of a job while nothing is changed.
struct SourceFacts {
    let name: String
    let path: String
    private let status: SourceStatus
    /// Rows that came while it was watched.
    var rowsComing: Int64 = 0
    var nextOffset: Int64 = 0

    init(_ source: JobSource, checkpoint: Path) throws {
        name = source.name
        path = source.path
        status = try source.spec.status(source.place(checkpoint: checkpoint))
    }

    /// What the source is: `log` or `directory`.
    var word: String { status.word }
    var offsets: Range<Int64> { status.offsets }
    var isRead: Bool { offsetsLeft == 0 && status.newFiles == 0 }
    var isSilent: Bool { isRead && rowsComing == 0 }
    /// Who has it open to append.
    var writer: String? { status.writer }

    private var offsetsLeft: Int64 { max(0, offsets.upperBound - nextOffset) }
    private var newFiles: Int64 { Int64(status.newFiles) }

    /// What no batch has read.
    var unread: String {
        newFiles > 0
            ? counted(newFiles, "file")
            : "\(status.countsBytes ? Unread(bytes: offsetsLeft) : Unread(rows: offsetsLeft))"
    }

    var growth: String {
        if !status.growsByRows {
            return newFiles > 0 ? "yes, \(counted(newFiles, "new file"))" : "no new file"
        }
        let held =
            writer.map { "; a writer has it open: \($0)" } ?? "; nobody has it open to append"
        return rowsComing > 0
            ? "yes, \(counted(rowsComing, "row")) in the last 0.3 s\(held)" : "no\(held)"
    }
}
