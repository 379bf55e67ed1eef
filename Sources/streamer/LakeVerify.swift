import Checkpoints
import Columnar
import CommandLine
import Lake
import Storage

/// `streamer lake verify`: reads every byte of tables and checks it.
let lakeVerifyVerb = Verb(
    name: "lake verify",
    summary: "check every byte of tables; name what is damaged, missing or extra",
    details: """
        Every file is read and decoded, its page checksums are checked, and its content is compared
        with the hash in its name, with the log of a Delta table, and with what the checkpoint in the
        project's folder recorded when it was published: files and the number of rows. Files that
        nobody published are named, and so are checkpoints of a Delta table's log that do not say
        what its entries say. Exit code 1 when something is damaged, missing or extra. Nothing is
        changed.
        """,
    positionals: [.optional("TABLE", "a table's name or folder; without it, all below ./lake")],
    options: [],
    examples: ["streamer lake verify", "streamer lake verify ohlcv"],
    body: verifyLake)

private func verifyLake(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let named = try arguments.optionalWord("TABLE").map { [try openTable(named: $0).path] }
    let paths = try named ?? tables(in: ProjectFolder.lake.path())
    if paths.isEmpty { console.say("the lake is empty") }
    var code = ExitCode.done
    for path in paths {
        do {
            if try !verify(LakeReader(path, machineFiles), console) { code = .failed }
        } catch {
            // What is wrong with one table says nothing of the others.
            console.error("\(error)")
            code = .failed
        }
    }
    for fault in try named == nil ? goneTables(besides: paths) : [] {
        console.error(fault)
        code = .failed
    }
    return code
}

/// Prints what is wrong with a table; whether nothing is.
private func verify(_ table: LakeReader, _ console: Console) throws -> Bool {
    let record = try RecordedTable(of: table)
    var result = try table.verify()
    if let published = record?.published {
        try result.compare(with: published.receipts, in: table)
    }
    var faults = result.damaged.map { "\(table.path)/\($0.path): \($0.reason)" }
    faults += result.missing.map { "\(table.path)/\($0): the file is missing" }
    let isMarked = table.isOurs || table.version != nil
    if !isMarked, try record != nil || table.looksLikeOurs() {
        faults.append(
            "\(table.path): the mark that says whose table it is, an empty file '_streamer,…', is "
                + "missing; restore the table from a copy, or clear the job and run it anew")
    }
    if table.isOurs || record != nil {
        let extra = try table.extraFiles(record?.published)
        faults += extra.map {
            "\(table.path)/\($0.path): \($0.reason), and readers take it for the table's; move it "
                + "away"
        }
    }
    let rows = try record?.rows.map { ($0, Int64(try table.rowCount())) }
    if let (published, found) = rows, published != found {
        faults.append(
            "\(table.path): the table has \(counted(found, "row")), by the checkpoint's count "
                + counted(published, "row"))
    }
    for fault in faults { console.error(fault) }
    let intact = counted(Int64(result.intactFiles), "file")
    guard faults.isEmpty else {
        console.say("\(table.path): \(faults.count) damaged; \(intact) whole")
        return false
    }
    var words = rows.map { ", \(counted($0.1, "row")) as published" } ?? ""
    if record == nil, table.owner != nil {
        words = "; the checkpoint that published it is not here to compare with"
    }
    console.print("\(table.path): whole; \(intact)\(words)")
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
