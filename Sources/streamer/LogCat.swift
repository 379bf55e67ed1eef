import Columnar
import CommandLine
import TickLog

/// `streamer log cat`: prints ticks of a log.
let logCatVerb = Verb(
    name: "log cat",
    summary: "print ticks of a log as a table, JSON lines, CSV or an Arrow stream",
    details: """
        Rows come in the order of the log. A time means the first tick with that event time or a
        later one. A table shows 20 rows unless --limit says otherwise.
        """,
    positionals: [.optional("LOG", "the log's folder; by default the only one below ./log")],
    options: [
        .text("from", "OFFSET|TIME", "the first tick: an offset or an event time in UTC"),
        .text("to", "OFFSET|TIME", "the first tick that is not printed any more"),
        .limit("limit", "how many rows at most (default: 20 in a table, else all)"),
        .text("columns", "A,B,…", "these columns, in this order"),
        .flag("offsets", "print each row's offset before it"),
        ResultFormat.widthOption, ResultFormat.rowsOption,
    ],
    examples: [
        "streamer log cat --limit 5",
        "streamer log cat log/ticks --from 2026-01-05T14:30:00Z --columns event_time,price",
        "streamer log cat log/ticks --format arrow > ticks.arrows",
    ],
    body: catLog)

private func catLog(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let log = try openLog(arguments)
    let range = try log.range(from: arguments.position("from"), to: arguments.position("to"))
    let limit = arguments.limit("limit", fallback: arguments.format == .table ? 20 : nil)
    let wanted = range.prefix(limit)
    var printer = try LogPrinter(log, arguments, console)
    try printer.print(wanted)
    printer.finish()
    if arguments.format == .table, wanted.count < range.count {
        console.say(
            "\(groupedCount(Int64(wanted.count))) of \(counted(Int64(range.count), "row")); "
                + "--limit N shows more")
    }
    return .done
}

/// Prints offset ranges of a log with the columns that a command line asks for.
struct LogPrinter {
    private static let rowsMax = 8_192

    private let log: TickLogReader
    private let columns: [Int]?
    private let withOffsets: Bool
    private let schema: Schema
    private var printer: ResultPrinter

    /// A printer of a log's rows, with the options `columns`, `offsets` and `format`.
    init(_ log: TickLogReader, _ arguments: Arguments, _ console: Console) throws {
        self.log = log
        withOffsets = arguments.has("offsets")
        columns = try arguments.text("columns").map {
            try columnIndices($0, in: log.schema)
        }
        let fields = columns?.map { log.schema[$0] } ?? log.schema.fields
        let offset = Field("offset", .long, isNullable: false)
        guard !withOffsets || !fields.contains(where: { $0.name == offset.name }) else {
            throw arguments.fault("the log has a column 'offset' itself; leave --offsets out")
        }
        schema = Schema(withOffsets ? [offset] + fields : fields)
        printer = try ResultPrinter(
            schema, as: arguments.format, width: arguments.count("width"), on: console)
    }

    /// Prints the rows of these offsets.
    mutating func print(_ offsets: Range<Int64>) throws {
        // The log's own order of columns is asked for: the wanted order is made here.
        let sorted = columns.map { Array(Set($0)).sorted() }
        for plan in try log.plan(offsets, columns: sorted, rowsMax: Self.rowsMax) {
            let block = try plan.load()
            var shown = block.batch.columns
            if let columns, let sorted {
                shown = columns.map { block.batch.columns[sorted.firstIndex(of: $0) ?? 0] }
            }
            if withOffsets {
                let numbers = (0..<block.batch.count).map { block.baseOffset + Int64($0) }
                shown.insert(Column(.long, numbers.map { .long($0) }), at: 0)
            }
            printer.print(RecordBatch(schema, shown, count: block.batch.count))
        }
    }

    /// Ends the output.
    mutating func finish() { printer.finish() }

    /// Hands over what was printed so far.
    mutating func flush() { printer.flush() }
}

/// The columns that a text lists, separated by commas, each at most once.
func columnIndices(_ text: String, in schema: Schema) throws(UsageError) -> [Int] {
    var indices: [Int] = []
    for part in text.split(separator: "," as Character, omittingEmptySubsequences: false) {
        let name = trimmed(part)
        let index = try columnIndex(of: name, in: schema)
        guard !indices.contains(index) else {
            throw UsageError("the column '\(shown(name))' is asked for twice")
        }
        indices.append(index)
    }
    return indices
}

/// A text without the spaces around it.
func trimmed(_ text: Substring) -> String {
    let tail = text.drop { $0 == " " }
    return String(
        tail[..<(tail.lastIndex { $0 != " " }.map { tail.index(after: $0) } ?? tail.startIndex)])
}

extension Range where Bound == Int64 {
    /// The first `limit` numbers, or all.
    func prefix(_ limit: Int?) -> Range<Int64> {
        lowerBound..<(limit.map { Swift.min(upperBound, lowerBound.advanced(by: $0)) } ?? upperBound)
    }
}
