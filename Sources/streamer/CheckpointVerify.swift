import Checkpoints
import Lake
import Storage

/// `streamer checkpoint verify`: reads every file of a checkpoint, and those it vouches for.
let checkpointVerifyVerb = Verb(
    name: "checkpoint verify",
    summary: "check every file of a checkpoint and of its tables; name what is damaged",
    details: """
        Checks the identity, that every plan and commit follows from the one before it, every state
        file against what its commit recorded, and every file that the kept commits published. Exit
        code 1 when something is damaged or missing. Nothing is changed.
        """,
    positionals: [
        .optional("JOB", "a job file, a checkpoint's name or its folder; by default the only one")
    ],
    options: [],
    examples: ["streamer checkpoint verify jobs/ohlcv.json"],
    body: verifyCheckpoint)

private func verifyCheckpoint(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let place =
        try arguments.optionalWord("JOB").map { try CheckpointPlace(named: $0) }
        ?? CheckpointPlace(verb: "checkpoint verify")
    var report = try place.reader.verify()
    let published = try verifyTables(&report)
    for fault in report.faults { console.error(fault) }
    let counts =
        "\(counted(Int64(report.entries), "entry", plural: "entries")), "
        + "\(counted(Int64(report.stateFiles), "state file")), "
        + "\(counted(Int64(published), "file")) of tables"
    guard report.faults.isEmpty else {
        let faults = counted(Int64(report.faults.count), "fault")
        console.say("\(place.path): \(faults); \(counts) whole")
        return .failed
    }
    console.print("\(place.path): whole; \(counts)")
    return .done
}

/// Compares the files of tables with what the commits recorded; how many are whole.
private func verifyTables(_ report: inout CheckpointVerification) throws -> Int {
    var receipts: [String: [Lake.FileReceipt]] = [:]
    for file in report.published {
        guard let table = file.tablePath else { continue }
        receipts[table, default: []].append(
            Lake.FileReceipt(path: file.path, rows: 0, bytes: file.size, xxh3: file.checksum))
    }
    var whole = 0
    for (table, files) in receipts.sorted(by: { $0.key < $1.key }) {
        do {
            let found = try LakeReader(Path(table), machineFiles).verify(files)
            whole += found.intactFiles
            report.faults += found.damaged.map { "\(table)/\($0.path): \($0.reason)" }
            report.faults += found.missing.map { "\(table)/\($0): the file is missing" }
        } catch let error as LakeError {
            report.faults.append("\(error)")
        }
    }
    return whole
}

extension Checkpoints.FileReceipt {
    /// The folder of the table that the file belongs to: its sink is `parquet[…]` or `table[…]`.
    fileprivate var tablePath: String? {
        guard let start = owner.firstIndex(of: "["), owner.hasSuffix("]") else { return nil }
        return String(owner[owner.index(after: start)...].dropLast())
    }
}
