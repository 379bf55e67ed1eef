import Columnar
import CommandLine
import Storage
import TickLog

/// `streamer log verify`: reads every byte of a log and checks it.
let logVerifyVerb = Verb(
    name: "log verify",
    summary: "check every byte of a log; name what is damaged",
    details: "Exit code 1 when something is damaged. Nothing is changed.",
    positionals: [.optional("LOG", "the log's folder; by default the only one below ./log")],
    options: [],
    examples: ["streamer log verify log/ticks"],
    body: verifyLog)

private func verifyLog(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let log = try openLog(arguments)
    let report = try log.verify()
    for fault in report.faults { console.error("\(fault)") }
    let size =
        "\(counted(report.rows, "row")) in \(counted(Int64(report.segments), "segment")), "
        + humanSize(report.bytes)
    guard report.faults.isEmpty else {
        console.say("\(log.path): \(counted(Int64(report.faults.count), "fault")); \(size) read")
        return .failed
    }
    console.print("\(log.path): whole; \(size)")
    return .done
}
