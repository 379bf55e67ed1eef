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
        let segments = try log.listSegments()
        for (index, segment) in segments.enumerated() {
            let isActive = index == segments.count - 1
            listing.add(
                [.string(segment.name), .string(isActive ? "active" : "sealed")]
                    + segment.values)
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
            let segments = try openLog(at: path).listSegments()
            let writer = try machineFiles.lockHolder(path.appending("LOCK"))
            listing.add(
                [.string(path.string), .long(Int64(segments.count))]
                    + ListedSegment(whole: segments).values
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

/// What is listed of a segment, or of all of a log.
private struct ListedSegment {
    var name: String
    var offsets: Range<Int64>
    var bytes: Int64
    var timeMin: Int64?
    var timeMax: Int64?

    var values: [Value] {
        [
            .long(offsets.lowerBound), .long(offsets.upperBound), .long(Int64(offsets.count)),
            .long(bytes), .optional(timeMin) { .timestamp($0) },
            .optional(timeMax) { .timestamp($0) },
        ]
    }
}

extension ListedSegment {
    /// The segments of a log together.
    init(whole segments: [ListedSegment]) {
        name = ""
        offsets =
            (segments.first?.offsets.lowerBound ?? 0)..<(segments.last?.offsets.upperBound ?? 0)
        bytes = segments.clampedSum(\.bytes)
        timeMin = segments.compactMap(\.timeMin).min()
        timeMax = segments.compactMap(\.timeMax).max()
    }
}

extension TickLogReader {
    /// The segments that hold durable rows, oldest first.
    fileprivate func listSegments() throws -> [ListedSegment] {
        let suffix = ".arrows"
        let found = try machineFiles.list(path).compactMap {
            entry -> (name: String, base: Int64, bytes: Int64)? in
            guard entry.kind == .file, entry.name.hasSuffix(suffix),
                let base = Int64(entry.name.dropLast(suffix.count)), base < endOffset || base == 0
            else { return nil }
            return (entry.name, base, entry.size)
        }
        var segments: [ListedSegment] = []
        for (index, file) in found.enumerated() {
            let end = index + 1 < found.count ? found[index + 1].base : endOffset
            guard end >= startOffset, end >= file.base else { continue }
            let offsets = max(file.base, startOffset)..<max(end, startOffset)
            var segment = ListedSegment(name: file.name, offsets: offsets, bytes: file.bytes)
            let timeIndex = schema.index(of: timeColumn).map { [$0] }
            for plan in try plan(offsets, columns: timeIndex) {
                let block = try plan.load()
                segment.timeMin = [segment.timeMin, block.timeMin].compactMap(\.self).min()
                segment.timeMax = [segment.timeMax, block.timeMax].compactMap(\.self).max()
            }
            segments.append(segment)
        }
        return segments
    }
}
