import Columnar
import CommandLine
import Storage
import TickLog

/// `streamer log ls`: the logs there are, or the segments of one.
let logLsVerb = Verb(
    name: "log ls",
    summary: "list the logs, or the segments of one: offsets, rows, bytes, time range",
    details: "",
    positionals: [.optional("LOG", "the log's folder; without it, the logs below ./log")],
    options: [ResultFormat.option],
    examples: ["streamer log ls", "streamer log ls log/ticks --format json"],
    body: listLogs)

private func listLogs(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    if let word = arguments.optionalWord("LOG") {
        let log = try openLog(at: Path(word))
        var listing = Listing([
            .plain("segment", .string), .plain("state", .string), .count("from"), .count("to"),
            .count("rows"), .size("bytes"), .plain("time_min", .timestamp),
            .plain("time_max", .timestamp),
        ])
        for file in try log.listing() {
            listing.add(
                [.string(file.name), .string(file.kind.rawValue)] + ListedRows([file]).values)
        }
        try listing.print(as: arguments.format, on: console)
        return .done
    }
    var listing = Listing([
        .plain("log", .string), .count("segments"), .count("from"), .count("to"), .count("rows"),
        .size("bytes"), .plain("time_min", .timestamp), .plain("time_max", .timestamp),
        .plain("writer", .string),
    ])
    var code = ExitCode.done
    for path in try logs(in: ProjectFolder.log.path()) {
        do {
            let found = try openLog(at: path).listing()
            let writer = try machineFiles.lockHolder(path.appending("LOCK"))
            listing.add(
                [.string(path.string), .long(Int64(found.count))] + ListedRows(found).values
                    + [.optional(writer) { .string($0) }])
        } catch {
            console.error("\(error)")
            code = .failed
        }
    }
    try listing.print(
        as: arguments.format, on: console, orSay: "there are no logs below ./log")
    return code
}

/// What is listed of a file of a log, or of all of them.
private struct ListedRows {
    let values: [Value]

    init(_ files: [LogFileListing]) {
        let first = files.first?.offsets.lowerBound ?? 0
        let end = files.last?.offsets.upperBound ?? 0
        values = [
            .long(first), .long(end), .long(end - first), .long(files.clampedSum(\.bytes)),
            .optional(files.compactMap { $0.times?.lowerBound }.min()) { .timestamp($0) },
            .optional(files.compactMap { $0.times?.upperBound }.max()) { .timestamp($0) },
        ]
    }
}
