import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Jobs
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
    let published = try verifyTables(of: place, &report, console)
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
private func verifyTables(
    of place: CheckpointPlace, _ report: inout CheckpointVerification, _ console: Console
) throws -> Int {
    guard report.published.contains(where: { !$0.receipts.isEmpty }) else { return 0 }
    let tables: [JobTable]
    do {
        tables = try place.tables()
    } catch let error as CheckpointError {
        // The recorded job is damaged, which was found before: nobody knows the tables.
        if !report.faults.contains("\(error)") { report.faults.append("\(error)") }
        return 0
    }
    var receipts: [Path: [FileReceipt]] = [:]
    var unknown = 0
    for batch in report.published {
        for owned in batch.receipts {
            guard let table = tables.table(of: owned.owner) else {
                unknown += 1
                continue
            }
            let isThere = batch.isNewest || table.output.history == .everyBatch
            guard isThere, case .file(let file) = owned.receipt else { continue }
            receipts[table.path, default: []].append(file)
        }
    }
    if unknown > 0 {
        console.say(
            "\(place.path): \(counted(Int64(unknown), "file")) of tables that the recorded job "
                + "does not write (any more) not looked at")
    }
    var whole = 0
    for (table, files) in receipts.sorted(by: { $0.key < $1.key }) {
        do throws(LakeError) {
            let found = try LakeReader(table, machineFiles).verify(files)
            whole += found.intactFiles
            report.faults += found.damaged.map { "\(table)/\($0.path): \($0.reason)" }
            report.faults += found.missing.map { "\(table)/\($0): the file is missing" }
        } catch {
            report.faults.append("\(error)")
        }
    }
    return whole
}
