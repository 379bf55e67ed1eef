import Columnar
import Lake
public import Storage

/// The tables beside a log: one for records that did not parse, one for gaps, where rows may be
/// missing.
///
/// All feeds may share them: a row says which feed it is of. A publication is named by the feed and
/// the number of its first row, so that one repeated after a crash takes the place of the one
/// before, and no other. A table is made with its first row.
public struct FeedTables: Sendable {
    private let malformed: Path
    private let gaps: Path
    private let files: any FileSystem

    /// The tables of a feed whose malformed records have a table of their own; that of the gaps is
    /// `gaps` beside it.
    public init(
        malformed path: String?, _ files: any FileSystem
    ) throws(StorageError) {
        malformed = try Path(path ?? "lake/rejects")
        gaps = try malformed.parent.appending("gaps")
        self.files = files
    }

    /// Makes rows durable.
    public func publish(_ side: SideRows) throws {
        let (path, query) =
            switch side.kind {
            case .malformed: (malformed, "rejects")
            case .gaps: (gaps, "gaps")
            }
        let table = try LakeTable(
            path, files, owner: TableOwner(checkpointID: "feeds", query: query),
            schema: side.rows.schema)
        // 31 bits of the feed's hash, then 32 of the number.
        let feed = Checksum.xxh3(Array(side.feed.utf8)) >> 33
        let number = UInt64(bitPattern: side.firstNumber) & 0xFFFF_FFFF
        let staged = try table.stage(batch: Int64(feed << 32 | number), rows: side.rows)
        try table.publish(staged, isRerun: true)
    }
}
