import Checkpoints
import Lake
import Storage

/// `streamer lake verify`: reads every byte of tables and checks it.
let lakeVerifyVerb = Verb(
    name: "lake verify",
    summary: "check every byte of tables; name what is damaged",
    details: """
        Every file is read and decoded, its page checksums are checked, and its content is compared
        with the hash in its name and with what the checkpoint below ./checkpoints recorded when it
        was published. Exit code 1 when something is damaged or missing. Nothing is changed.
        """,
    positionals: [.optional("TABLE", "a table's name or folder; without it, all below ./lake")],
    options: [],
    examples: ["streamer lake verify", "streamer lake verify ohlcv"],
    body: verifyLake)

private func verifyLake(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let found =
        try arguments.optionalWord("TABLE").map { [try openTable(named: $0)] }
        ?? tables(in: ProjectFolder.lake.path()).map { try LakeReader($0, machineFiles) }
    if found.isEmpty { console.say("the lake is empty") }
    var code = ExitCode.done
    for table in found {
        var result = try table.verify()
        try result.compare(with: recordedFiles(of: table), in: table)
        for damage in result.damaged {
            console.error("\(table.path)/\(damage.path): \(damage.reason)")
        }
        for path in result.missing { console.error("\(table.path)/\(path): the file is missing") }
        let intact = counted(Int64(result.intactFiles), "file")
        if result.isIntact {
            console.print("\(table.path): whole; \(intact)")
        } else {
            let bad = result.damaged.count + result.missing.count
            console.say("\(table.path): \(bad) damaged; \(intact) whole")
            code = .failed
        }
    }
    return code
}

extension LakeVerification {
    /// Adds what differs from the files that commits recorded.
    fileprivate mutating func compare(
        with recorded: [Lake.FileReceipt], in table: LakeReader
    ) throws {
        guard !recorded.isEmpty else { return }
        let compared = try table.verify(recorded)
        missing = compared.missing
        let known = Set(damaged.map(\.path))
        for damage in compared.damaged where !known.contains(damage.path) {
            damaged.append(damage)
            intactFiles -= 1
        }
    }
}

/// The files of a table that its owner's checkpoint, if it is here, recorded as published.
private func recordedFiles(of table: LakeReader) throws -> [Lake.FileReceipt] {
    guard let owner = table.owner else { return [] }
    for place in try CheckpointPlace.all(in: ProjectFolder.checkpoints.path())
    where try place.reader.identity()?.id == owner.checkpointID {
        let batches = try place.reader.committedBatches()
        let added = try batches.flatMap { try recorded("parquet", at: table.path, $0, place) }
        if !added.isEmpty { return added }
        // A table that is replaced whole has the file of the newest batch only.
        return try batches.last.map { try recorded("table", at: table.path, $0, place) } ?? []
    }
    return []
}

private func recorded(
    _ format: String, at path: Path, _ batch: BatchID, _ place: CheckpointPlace
) throws -> [Lake.FileReceipt] {
    try place.reader.commit(batch).sinks.filter { $0.owner == "\(format)[\(path)]" }.map {
        Lake.FileReceipt(path: $0.path, rows: 0, bytes: $0.size, xxh3: $0.checksum)
    }
}
