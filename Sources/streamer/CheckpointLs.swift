import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Storage

/// `streamer checkpoint ls`: the checkpoints there are.
let checkpointLsVerb = Verb(
    name: "checkpoint ls",
    summary: "list the checkpoints: last batch, offset, watermark, engine",
    details: "",
    positionals: [.optional("FOLDER", "where the checkpoints are; by default ./checkpoints")],
    options: [ResultFormat.option],
    examples: ["streamer checkpoint ls", "streamer checkpoint ls --format json"],
    body: listCheckpoints)

private func listCheckpoints(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let folder =
        try arguments.optionalWord("FOLDER").map { try Path($0) }
        ?? ProjectFolder.checkpoints.path()
    var listing = Listing([
        .plain("checkpoint", .string), .plain("batches", .long), .plain("state", .string),
        .count("next_offset"), .plain("watermark", .timestamp), .plain("engine", .string),
    ])
    var code = ExitCode.done
    for place in try CheckpointPlace.all(in: folder) {
        do {
            listing.add(try row(of: place))
        } catch {
            console.error("\(error)")
            code = .failed
        }
    }
    try listing.print(
        as: arguments.format, on: console, orSay: "there are no checkpoints below \(folder)")
    return code
}

private func row(of place: CheckpointPlace) throws -> [Value] {
    let engine = try place.reader.engine()
    let planned = try place.reader.plannedBatches().last
    let committed = try place.reader.committedBatches().last
    guard let planned else {
        return [
            .string(place.path.string), .long(0), .string("new"), .null, .null,
            .optional(engine) { .string($0) },
        ]
    }
    let offsets = try place.reader.offsets(planned)
    let commit = try committed.map { try place.reader.commit($0) }
    return [
        .string(place.path.string), .long(planned.number + 1),
        .string(planned == committed ? "committed" : "batch \(planned) not committed"),
        // Several sources have several; `checkpoint show` tells them.
        .optional(offsets.sources.count == 1 ? offsets.sources[0].offsets.only : nil) {
            .long($0.upperBound)
        },
        .watermark(ms: max(offsets.watermarkMs, commit?.nextWatermarkMs ?? 0)),
        .optional(engine) { .string($0) },
    ]
}
