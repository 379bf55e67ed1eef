import Columnar
import CommandLine
import Expressions
import Feeds
import Storage
import TickLog

/// `streamer log trim`: removes old segments, and makes the others small.
let logTrimVerb = Verb(
    name: "log trim",
    summary: "remove a log's oldest segments; write sealed ones anew, compressed",
    details: """
        Segments go whole and from the oldest on, and only sealed ones: the active segment stays.
        What a checkpoint below ./checkpoints still has to read stays too, unless --force is given.
        --seal ends the active segment first. --compress writes sealed segments anew with the same
        offsets in large compressed batches. Nobody else may have the log open to append.
        """,
    positionals: [.optional("LOG", "the log's folder; by default the only one below ./log")],
    options: [
        .count("max-bytes", "remove segments while the log has more bytes than this"),
        .text("max-age", "TIME", "remove segments sealed longer ago than this: 30 days"),
        .flag("force", "remove also what a checkpoint still has to read"),
        .flag("seal", "end the active segment first"),
        .flag("compress", "write the sealed segments that stay anew, compressed"),
    ],
    examples: [
        "streamer log trim log/ticks --max-bytes 10000000000",
        "streamer log trim log/ticks --max-age '30 days'",
        "streamer log trim log/ticks --seal --compress",
    ],
    body: trimLog)

private func trimLog(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let reader = try openLog(arguments)
    let maxBytes = arguments.count("max-bytes")
    let maxAgeMicros = try arguments.maxAgeMicros()
    let seals = arguments.has("seal")
    guard maxBytes != nil || maxAgeMicros != nil || seals || arguments.has("compress") else {
        throw arguments.fault("say what to do: --max-bytes, --max-age, --seal or --compress")
    }
    let needed = arguments.has("force") ? nil : try firstOffsetNeeded(ofLog: reader.path)
    let writer = try TickLogWriter(reader.path, machineFiles)
    if seals { try writer.seal() }
    let before = reader.startOffset
    if maxBytes != nil || maxAgeMicros != nil {
        let start = try writer.retain(
            bytesMax: maxBytes,
            sealedBeforeMicros: maxAgeMicros.map { SystemTime().nowMicros() - $0 },
            neededFrom: needed?.offset ?? .max)
        console.print("\(reader.path): \(counted(start - before, "row")) removed")
        if let needed, needed.offset < reader.endOffset {
            console.say(
                "what is not read yet stays for \(needed.by); --force removes it as well")
        }
    }
    if arguments.has("compress") {
        let segments = try writer.sealedSegments()
        for segment in segments { try writer.compress(segment: segment) }
        console.print(
            "\(reader.path): \(counted(Int64(segments.count), "segment")) written anew")
    }
    try writer.close()
    return .done
}

extension Arguments {
    /// What `--max-age` says, in microseconds.
    func maxAgeMicros() throws -> Int64? {
        guard let text = text("max-age") else { return nil }
        guard let micros = try? parseInterval(text).delayMicros, micros >= 0 else {
            throw fault("--max-age takes a time such as '30 days' or 12h, not '\(shown(text))'")
        }
        return micros
    }
}
