import Columnar
import CommandLine
import ConnectorAPI
import Storage

private let sourceOption = Option.text("source", "NAME", "which of the job's sources")
private let readingNote = """
    Rows have the columns that the source's settings say, before "select" and "where" of a job. A
    record that does not parse stops it, or is left out and counted, as the settings say; one that
    would go to a rejects table is named on standard error, with the reason. Nothing is changed: no
    offset is committed, no rejects table is written, and a job may run meanwhile.
    """
private let rowOptions = [
    sourceOption,
    .text("columns", "A,B,…", "these columns, in this order"),
    .flag("offsets", "print each row's partition and offset before it"),
    ResultFormat.widthOption, ResultFormat.rowsOption,
]

/// `streamer source ls`: what is queued in the sources of a job.
let sourceLsVerb = Verb(
    name: "source ls",
    summary: "list what a job's sources hold, by partition, and where its next batch begins",
    details: """
        `from` and `to` are the offsets that can be read, `next` is where the next batch begins, and
        `queued` how many offsets are left from there: after a topic's transactions some of them
        have no row.
        """,
    positionals: [.required("JOB", "the job file")],
    options: [sourceOption, ResultFormat.option],
    examples: ["streamer source ls jobs/kafka.json"],
    body: listSources)

/// `streamer source cat`: what is queued in a source of a job, parsed.
let sourceCatVerb = Verb(
    name: "source cat",
    summary: "print what a job's next batches would read of a source, as rows",
    details: readingNote + "\nA table shows 20 rows unless --limit says otherwise.",
    positionals: [.required("JOB", "the job file")],
    options: [
        .flag("all", "begin at the oldest row that is kept, not where the next batch does"),
        .limit("limit", "how many rows at most (default: 20 in a table, else all)"),
    ] + rowOptions,
    examples: [
        "streamer source cat jobs/kafka.json",
        "streamer source cat jobs/kafka.json --all --offsets --format json",
    ],
    body: catSource)

/// `streamer source tail`: the last rows of a source of a job, and those that come.
let sourceTailVerb = Verb(
    name: "source tail",
    summary: "print the last rows of a job's source, with -f also those that come",
    details: readingNote,
    positionals: [.required("JOB", "the job file")],
    options: [
        .count("lines", "how many of the last offsets of each partition", fallback: "10"),
        .flag("follow", letter: "f", "go on with what comes, until Ctrl-C"),
    ] + rowOptions,
    examples: ["streamer source tail -f jobs/kafka.json --format json"],
    body: tailSource)

private func listSources(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    var listing = Listing([
        .plain("source", .string), .plain("split", .string), .count("from"), .count("next"),
        .count("to"), .count("queued"),
    ])
    for looked in try LookedAtSource.all(arguments) {
        defer { looked.source.close() }
        let earliest = try looked.source.earliest()
        let latest = try looked.source.latest()
        for split in latest.filled(from: looked.next).splits {
            let next = looked.next[split]
            listing.add([
                .string(looked.name), split == .only ? .null : .string("\(split)"),
                .optional(earliest[split]) { .long($0) }, .optional(next) { .long($0) },
                .optional(latest[split]) { .long($0) },
                .optional(latest[split]) { .long(max(0, $0 - (next ?? 0))) },
            ])
        }
    }
    try listing.print(
        as: arguments.format, on: console, orSay: "the source has nothing to read yet")
    return .done
}

private func catSource(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let looked = try LookedAtSource.one(arguments)
    defer { looked.source.close() }
    let limit = arguments.limit("limit", fallback: arguments.format == .table ? 20 : nil)
    let range = try looked.range(
        from: arguments.has("all") ? looked.source.earliest() : looked.next)
    var printer = try SourcePrinter(looked, arguments, console)
    let hasMore = try printer.print(range, limit: limit)
    printer.finish()
    if hasMore, arguments.format == .table, let limit {
        console.say("the first \(counted(Int64(limit), "row")); --limit N shows more")
    }
    return .done
}

private func tailSource(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let looked = try LookedAtSource.one(arguments)
    defer { looked.source.close() }
    var range = try looked.newest(arguments.count("lines") ?? 0)
    var printer = try SourcePrinter(looked, arguments, console)
    try printer.print(range)
    if arguments.has("follow") {
        handleStopSignals(announcing: false)
        printer.flush()
        let time = SystemTime()
        while !stopSignal.isRequested, !console.output.isClosed {
            looked.source.wait(beyond: range.end, until: time.now.advanced(byNanos: 20_000_000))
            range = try looked.range(from: range.end)
            guard !range.isEmpty else { continue }
            try printer.print(range)
            printer.flush()
        }
    }
    printer.finish()
    return stopSignal.isRequested ? .interrupted : .done
}
