import Lake
import Storage

/// `streamer lake verify`: reads every byte of tables and checks it.
let lakeVerifyVerb = Verb(
    name: "lake verify",
    summary: "check every byte of tables; name what is damaged",
    details: """
        Every file is read and decoded, its page checksums are checked, and its content is compared
        with the hash in its name. Exit code 1 when something is damaged. Nothing is changed.
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
        let result = try table.verify()
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
