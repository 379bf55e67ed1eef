import Checkpoints
import ConnectorAPI
import Jobs
import Lake
import Storage

/// What the checkpoint of a table's owner says of it, if that checkpoint is here.
struct RecordedTable {
    /// What the commits published that should still count.
    let published: PublishedBatches
    /// The rows that all batches published, where no later batch took some away.
    let rows: Int64?

    /// Nil when the checkpoint is not found, or has committed nothing.
    ///
    /// Of a table that has lost its owner's mark, the checkpoint is the one whose job writes there.
    init?(of table: LakeReader) throws {
        let owner = table.owner
        let place =
            try owner.map { try CheckpointPlace.owning($0, of: table.path) }
            ?? (table.isOurs ? nil : CheckpointPlace.writing(table.path))
        guard let place, let last = try place.reader.committedBatches().last else { return nil }
        published = try Self.published(in: table, by: place, last: last)
        let isWhole = table.isAppendOnly && (table.newestBatch.map { $0 <= last.number } ?? true)
        let isAhead = try table.listFiles().contains { ($0.batch ?? 0) > last.number }
        let counters = try place.reader.commit(last).counters
        rows = isWhole && !isAhead ? owner.flatMap { counters["rowsOut.\($0.query)"] } : nil
    }

    private static func published(
        in table: LakeReader, by place: CheckpointPlace, last: BatchID
    ) throws -> PublishedBatches {
        let kept = try place.reader.committedBatches()
        let planned = try place.reader.plannedBatches().last
        let open = planned.map { $0 > last } ?? false ? planned : nil
        let tables = try place.tables()
        guard let own = tables.first(where: { ProjectPlace.isSame($0.path, table.path) }) else {
            // The job writes it no more: nobody knows the files of its last batches.
            return PublishedBatches(
                receipts: [], knownFrom: .max, last: last.number, open: open?.number)
        }
        // A table that is replaced whole has the file of the newest batch only.
        let batches = own.output.history == .newestBatch ? [last] : kept
        let receipts = try batches.flatMap { try place.reader.commit($0).sinks }
            .filter { tables.table(of: $0.owner)?.output.id == own.output.id }
            .compactMap(\.receipt.file)
        return PublishedBatches(
            receipts: receipts, knownFrom: kept.first?.number ?? 0, last: last.number,
            open: open?.number)
    }
}

/// A sentence for each table that a checkpoint below ./checkpoints published files in, and that is
/// not there any more.
func goneTables(besides known: [Path]) throws -> [String] {
    var sentences: [String] = []
    for place in try CheckpointPlace.all(in: ProjectFolder.checkpoints.path()) {
        // What is wrong with a checkpoint is for `checkpoint verify` to say.
        guard let outputs = try? place.tables() else { continue }
        for table in outputs {
            let receipts = try? place.reader.newestReceipts { owner in
                outputs.table(of: owner)?.output.id == table.output.id
            }
            guard let receipts, receipts.contains(where: { $0.file != nil }),
                !known.contains(where: { ProjectPlace.isSame($0, table.path) }),
                try tables(in: table.path).isEmpty
            else { continue }
            sentences.append(
                "\(table.path): the table is missing, and \(place.path) published files in it; "
                    + "restore it from a copy, or clear the job and run it anew")
        }
    }
    return sentences
}

extension CheckpointPlace {
    /// The checkpoint that a table belongs to: below `checkpoints` of the current folder, or of one
    /// that the table lies in.
    static func owning(_ owner: TableOwner, of table: Path) throws -> CheckpointPlace? {
        try first(near: table) { try $0.reader.identity()?.id == owner.checkpointID }
    }

    /// The checkpoint that a table belongs to, wherever below the current folder a job has put it.
    static func anywhere(_ owner: TableOwner) throws -> CheckpointPlace? {
        var folders = [(path: Path.currentDirectory, depth: 0)]
        var next = 0
        while next < folders.count, next < foldersMax {
            let (path, depth) = folders[next]
            next += 1
            if let place = try? CheckpointPlace(folder: path),
                (try? place.reader.identity())??.id == owner.checkpointID
            {
                return place
            }
            guard depth < depthMax else { continue }
            folders += ((try? subfolders(of: path)) ?? []).map { ($0, depth + 1) }
        }
        return nil
    }

    /// How far is looked for checkpoints outside of `checkpoints`.
    private static let depthMax = 4
    private static let foldersMax = 5_000

    /// The checkpoint whose recorded job writes a table, looked for in the same places.
    static func writing(_ table: Path) throws -> CheckpointPlace? {
        try first(near: table) { place in
            try place.tables().contains { ProjectPlace.isSame($0.path, table) }
        }
    }

    private static func first(
        near table: Path, where isMeant: (CheckpointPlace) throws -> Bool
    ) throws -> CheckpointPlace? {
        let folders = [Path.currentDirectory] + (try ProjectPlace.folders(above: table))
        for folder in folders {
            let checkpoints = try folder.appending(ProjectFolder.checkpoints.rawValue)
            // Not everything above a project's folder may be looked into.
            let found = (try? all(in: checkpoints))?.first { (try? isMeant($0)) ?? false }
            if let found { return found }
        }
        return nil
    }
}
