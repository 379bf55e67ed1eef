import Columnar
import CommandLine
import Feeds
import Settings
import Storage
import TickLog

/// `streamer log retain`: says how long a log keeps its rows.
let logRetainVerb = Verb(
    name: "log retain",
    summary: "say how long a log keeps its rows; whoever writes it carries it out",
    details: """
        The retention stays with the log. A job that fills the log obeys it while it runs, within
        some seconds; where nobody writes, it is carried out at once. Segments go whole, the oldest
        first, and only sealed ones; what a checkpoint below ./checkpoints still has to read stays,
        unless --force is given, which works where nobody writes. Without options the retention is
        shown. A job says the same with "retention" on its source.
        """,
    positionals: [.optional("LOG", "the log's folder; by default the only one below ./log")],
    options: [
        .text("max-bytes", "SIZE", "the oldest rows go while the log is larger: 100 GB"),
        .text("max-age", "TIME", "rows go that were sealed longer ago: 30 days"),
        .flag("none", "keep all rows from now on"),
        .flag("force", "remove also what a checkpoint still has to read"),
    ],
    examples: [
        "streamer log retain log/ticks --max-age '30 days' --max-bytes '100 GB'",
        "streamer log retain log/ticks",
    ],
    body: retainLog)

private func retainLog(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let reader = try openLog(arguments)
    var wanted = LogRetention(ageMicros: try arguments.maxAgeMicros())
    if let text = arguments.text("max-bytes") {
        guard let bytes = byteSize(text) else {
            throw arguments.fault(
                "--max-bytes takes a size with its unit such as '100 GB', not '\(shown(text))'")
        }
        wanted.bytes = bytes
    }
    let isGiven = wanted != LogRetention()
    guard !(isGiven && arguments.has("none")) else {
        throw arguments.fault("--none does not go with --max-bytes and --max-age")
    }
    if isGiven || arguments.has("none") {
        try LogRetention.store(isGiven ? wanted : nil, reader.path, machineFiles)
    }
    let retention = try LogRetention.read(reader.path, machineFiles)
    console.print("\(reader.path): " + (retention.map(words) ?? "keeps all rows"))
    guard isGiven, let retention else { return .done }
    if let writer = try machineFiles.lockHolder(reader.path.appending("LOCK")) {
        guard !arguments.has("force") else {
            throw arguments.fault("\(writer) writes the log; --force works where nobody does")
        }
        console.say("\(writer) writes the log and carries it out")
        return .done
    }
    let needed = arguments.has("force") ? nil : try firstOffsetNeeded(ofLog: reader.path)
    let writer = try TickLogWriter(reader.path, machineFiles)
    let before = writer.startOffset
    let start = try writer.retain(
        bytesMax: retention.bytes,
        sealedBeforeMicros: retention.ageMicros.map { SystemTime().nowMicros() - $0 },
        neededFrom: needed?.offset ?? .max)
    try writer.close()
    console.print("\(reader.path): \(counted(start - before, "row")) removed")
    if let needed, needed.offset < reader.endOffset {
        console.say(
            "what is not read yet stays for \(needed.by); --force removes it as well")
    }
    return .done
}

/// A retention in words.
private func words(_ retention: LogRetention) -> String {
    let age = retention.ageMicros.map { "for \(humanDuration(micros: $0)) after they are sealed" }
    let bytes = retention.bytes.map { "while the log has at most \(humanSize($0))" }
    return "keeps rows " + [age, bytes].compactMap(\.self).joined(separator: ", and ")
}
