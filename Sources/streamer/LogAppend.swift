import Columnar
import CommandLine
import ConnectorAPI
import Feeds
import Storage
import TickLog

/// `streamer log append`: fills a log from files or standard input.
let logAppendVerb = Verb(
    name: "log append",
    summary: "append CSV, JSON lines or Arrow files, or standard input, to a log",
    details: """
        A log that does not exist is made. What the columns are and where they come from is told by
        a job's feed (--job), by a file that holds such a feed object (--feed), by --schema, or, for
        a log that exists already, by its own columns. FILE replaces the feed's own paths; '-' is
        standard input; .gz, .zst, .lz4 and .zip files are read as they are.

        The log remembers how far each feed has come, with a checksum of what it read: the same
        command again appends only what is new, also after it was interrupted. A file that has
        other bytes now, or that the log has under other settings, is refused; --again appends all
        of it again. Standard input has no such memory.

        --schema lists columns as "symbol string, event_time timestamp(epoch_ms), price double";
        a timestamp may say how it is written: iso (by default), epoch_s, epoch_ms, epoch_us,
        epoch_ns, or a pattern, as in timestamp(dd.MM.yyyy HH:mm:ss.SSS). Fields of a file without
        header are taken in order; '_' passes one over.
        """,
    positionals: [
        .required("LOG", "the log's folder"),
        .any("FILE", "the files, or globs in quotes; '-' is standard input"),
    ],
    options: [
        .choice(
            "format", AppendInput.words, "by default what the first file's name says"),
        .text("job", "JOB", "read as the feed of this job does"),
        .text("feed", "FEED", "read as the feed object in this JSON file says"),
        .text("schema", "COLUMNS", "the columns with their types"),
        .text("event-time", "COLUMN", "the event-time column; by default the only timestamp"),
        .flag("no-header", "with --schema: the files do not name their fields in the first line"),
        .text("delimiter", "C", "with --schema: what stands between fields", fallback: ","),
        .flag("again", "append everything, even what the log has from these files"),
        .flag(
            "follow",
            "the last file may still grow: leave a last line without line end for the next time"),
    ],
    examples: [
        "SYMBOL=ibm streamer log append log/equity_ibm --job jobs/equity.json",
        "streamer log append log/ticks --schema \"event_time timestamp, price double\" a.csv b.csv",
        "zcat t.gz | streamer log append log/t --format csv --schema \"t timestamp(epoch_ms)\" -",
        "streamer log append log/ticks ticks.arrows",
    ],
    body: appendToLog)

private func appendToLog(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    try arguments.requireAtMostOne(of: "job", "feed", "schema")
    let path = try Path(arguments.word("LOG"))
    let input = try AppendInput(arguments, log: path)
    var made = MadeLogs()
    do {
        try made.make(
            path, SourceColumns(schema: input.feed.schema, timeColumn: input.feed.eventTime))
        return try append(input, to: path, arguments, console)
    } catch {
        // A log that got no row would be in the way of the next try, with other columns.
        made.takeAway()
        throw error
    }
}

private func append(
    _ input: AppendInput, to path: Path, _ arguments: Arguments, _ console: Console
) throws -> ExitCode {
    let feed = input.feed
    // Standard input may give a few rows at a time, for as long as it likes.
    let isLive = arguments.list("FILE").contains("-")
    var layout = TickLogOptions(journal: isLive ? JournalOptions() : nil)
    layout.isMaintained = isLive
    let writer = try openLogWriter(path, for: feed, options: layout, machineFiles)
    let start = writer.endOffset
    let maintenance = LogMaintenance(writer) { try firstOffsetNeeded(ofLog: path) }
    if isLive { maintenance.start() }
    let tables = try FeedTables(malformed: input.rejectsPath, machineFiles)
    var options = FeedPump.Options()
    options.appendDelayMicros = 0
    let pump = try FeedPump(
        feed, into: writer, options: options, again: arguments.has("again"),
        publish: tables.publish)
    let progress = ProgressLine(console: console, time: SystemTime())
    handleStopSignals(announcing: false)
    defer { progress.clear() }
    let report = try pump.run(until: { stopSignal.isRequested }) { report in
        progress.show("appended \(counted(report.rows, "row"))")
    }
    feed.close()
    let notices = maintenance.stop()
    try writer.close()
    progress.clear()
    for line in try summary(report, of: path, from: start, input) { console.print(line) }
    for notice in report.notices + notices { console.warn(notice) }
    return report.reachedEnd ? .done : .interrupted
}

/// What was appended, in lines.
private func summary(
    _ report: FeedReport, of path: Path, from start: Int64, _ input: AppendInput
) throws -> [String] {
    var lines: [String] = []
    if report.rows == 0, report.malformed == 0, report.resumedFrom != nil {
        lines.append("nothing new; the log has these files already (--again appends them again)")
    } else {
        let log = try openLog(at: path)
        let range = start..<start + report.rows
        var text = "appended \(counted(report.rows, "row")) to \(path)"
        if report.rows > 0 {
            text +=
                ", offsets \(groupedCount(range.lowerBound)) to "
                + groupedCount(range.upperBound)
        }
        if let times = try log.times(of: range) {
            text +=
                ", \(log.timeColumn) \(formatTimestamp(micros: times.lowerBound)) to "
                + formatTimestamp(micros: times.upperBound)
        }
        lines.append(text)
    }
    if report.malformed > 0 {
        let table = input.rejectsPath.map { "; they are in \($0)" } ?? ""
        lines.append("rejected \(counted(report.malformed, "row"))\(table)")
    }
    if report.gaps > 0 { lines.append(gapsText(report)) }
    return lines
}

extension TickLogReader {
    /// The smallest and the largest event time of some rows, µs; `nil` when there is none.
    func times(of offsets: Range<Int64>) throws -> ClosedRange<Int64>? {
        var range: ClosedRange<Int64>?
        let column = schema.index(of: timeColumn).map { [$0] }
        for plan in try plan(offsets, columns: column) {
            let block = try plan.load()
            guard let low = block.timeMin, let high = block.timeMax else { continue }
            range = min(low, range?.lowerBound ?? low)...max(high, range?.upperBound ?? high)
        }
        return range
    }
}

/// How many gaps a feed had, in words.
func gapsText(_ report: FeedReport) -> String {
    "rows may be missing at \(counted(report.gaps, "place")) (gaps)"
}
