import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Jobs
import Lake
import Storage

/// `streamer lake verify`: reads every byte of tables and checks it.
let lakeVerifyVerb = Verb(
    name: "lake verify",
    summary: "check every byte of tables; name what is damaged",
    details: """
        Every file is read and decoded, its page checksums are checked, and its content is compared
        with the hash in its name, with the log of a Delta table, and with what the checkpoint in the
        project's folder recorded when it was published: files and the number of rows. Exit code 1
        when something is damaged or missing. Nothing is changed.
        """,
    positionals: [.optional("TABLE", "a table's name or folder; without it, all below ./lake")],
    options: [],
    examples: ["streamer lake verify", "streamer lake verify ohlcv"],
    body: verifyLake)

private func verifyLake(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let paths =
        try arguments.optionalWord("TABLE").map { [try openTable(named: $0).path] }
        ?? tables(in: ProjectFolder.lake.path())
    if paths.isEmpty { console.say("the lake is empty") }
    var code = ExitCode.done
    for path in paths {
        do {
            if try !verify(LakeReader(path, machineFiles), console) { code = .failed }
        } catch let error as LakeError {
            // What is wrong with one table says nothing of the others.
            console.error("\(error)")
            code = .failed
        }
    }
    return code
}

/// Prints what is wrong with a table; whether nothing is.
private func verify(_ table: LakeReader, _ console: Console) throws -> Bool {
    let record = try RecordedTable(of: table)
    var result = try table.verify()
    if let record { try result.compare(with: record.files, in: table) }
    for damage in result.damaged {
        console.error("\(table.path)/\(damage.path): \(damage.reason)")
    }
    for path in result.missing { console.error("\(table.path)/\(path): the file is missing") }
    let intact = counted(Int64(result.intactFiles), "file")
    guard result.isIntact else {
        let bad = result.damaged.count + result.missing.count
        console.say("\(table.path): \(bad) damaged; \(intact) whole")
        return false
    }
    guard let published = record?.rows else {
        console.print("\(table.path): whole; \(intact)")
        return true
    }
    let rows = try Int64(table.rowCount())
    guard rows == published else {
        console.error(
            "\(table.path): the table has \(rows) rows, by the checkpoint's count \(published)")
        return false
    }
    console.print("\(table.path): whole; \(intact), \(counted(rows, "row")) as published")
    return true
}

extension LakeVerification {
    /// Adds what differs from the files that commits recorded.
    fileprivate mutating func compare(
        with recorded: [FileReceipt], in table: LakeReader
    ) throws {
        guard !recorded.isEmpty else { return }
        let compared = try table.verify(recorded)
        missing = Array(Set(missing + compared.missing)).sorted()
        let known = Set(damaged.map(\.path))
        for damage in compared.damaged where !known.contains(damage.path) {
            damaged.append(damage)
            intactFiles -= 1
        }
    }
}

/// What the checkpoint of a table's owner says of it, if that checkpoint is here.
struct RecordedTable {
    /// The files that the retained commits published and that should still count.
    let files: [FileReceipt]
    /// The rows that all batches published, where no later batch took some away.
    let rows: Int64?

    /// Nil when the checkpoint is not found, or has committed nothing.
    init?(of table: LakeReader) throws {
        guard let owner = table.owner,
            let place = try CheckpointPlace.owning(owner, of: table.path),
            let last = try place.reader.committedBatches().last
        else { return nil }
        files = try Self.recorded(of: table, in: place, last: last)
        let isWhole = table.isAppendOnly && (table.newestBatch.map { $0 <= last.number } ?? true)
        let isAhead = try table.listFiles().contains { ($0.batch ?? 0) > last.number }
        rows =
            isWhole && !isAhead
            ? try place.reader.commit(last).counters["rowsOut.\(owner.query)"] : nil
    }

    private static func recorded(
        of table: LakeReader, in place: CheckpointPlace, last: BatchID
    ) throws -> [FileReceipt] {
        let tables = try place.tables()
        guard let own = tables.first(where: { ProjectPlace.isSame($0.path, table.path) }) else {
            return []
        }
        // A table that is replaced whole has the file of the newest batch only.
        let batches =
            own.output.history == .newestBatch ? [last] : try place.reader.committedBatches()
        return try batches.flatMap { try place.reader.commit($0).sinks }
            .filter { tables.table(of: $0.owner)?.output.id == own.output.id }
            .compactMap(\.receipt.file)
    }
}

extension CheckpointPlace {
    /// The checkpoint that a table belongs to: below `checkpoints` of the current folder, or of one
    /// that the table lies in.
    static func owning(_ owner: TableOwner, of table: Path) throws -> CheckpointPlace? {
        let folders = [Path.currentDirectory] + (try ProjectPlace.folders(above: table))
        for folder in folders {
            let checkpoints = try folder.appending(ProjectFolder.checkpoints.rawValue)
            // Not everything above a project's folder may be looked into.
            let found = try? all(in: checkpoints).first {
                try $0.reader.identity()?.id == owner.checkpointID
            }
            if let place = found { return place }
        }
        return nil
    }
}
