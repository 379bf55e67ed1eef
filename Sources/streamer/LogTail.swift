import CommandLine
import Engine
import Storage
import TickLog

/// `streamer log tail`: the last ticks of a log, and those that come.
let logTailVerb = Verb(
    name: "log tail",
    summary: "print the last ticks of a log, with -f also those that come",
    details: "",
    positionals: [.optional("LOG", "the log's folder; by default the only one below ./log")],
    options: [
        .count("lines", "how many of the last rows", fallback: "10"),
        .flag("follow", letter: "f", "go on with what is appended, until Ctrl-C"),
        .text("columns", "A,B,…", "these columns, in this order"),
        .flag("offsets", "print each row's offset before it"),
        ResultFormat.widthOption, ResultFormat.rowsOption,
    ],
    examples: ["streamer log tail log/ticks", "streamer log tail -f --format json"],
    body: tailLog)

/// How often a log is looked at for new rows.
private let pollNanos: UInt64 = 10_000_000

private func tailLog(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let log = try openLog(arguments)
    let lines = arguments.count("lines") ?? 0
    var next = max(log.startOffset, log.endOffset - min(lines, log.endOffset))
    var printer = try LogPrinter(log, arguments, console)
    try printer.print(next..<log.endOffset)
    next = log.endOffset
    if arguments.has("follow") {
        handleStopSignals(announcing: false)
        printer.flush()
        while !stopSignal.isRequested, !console.output.isClosed {
            let end = try log.refresh()
            if end > next {
                // Retention may have removed rows that were never seen.
                try printer.print(max(next, log.startOffset)..<end)
                next = end
                printer.flush()
            } else {
                SystemTime().sleep(nanos: pollNanos)
            }
        }
    }
    printer.finish()
    return stopSignal.isRequested ? .interrupted : .done
}
