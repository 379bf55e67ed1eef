import Checkpoints
import Columnar
import CommandLine
import ConnectorAPI
import Jobs
import Storage

/// A source of a job that is looked at: nothing is written, nobody is told an offset.
struct LookedAtSource {
    let name: String
    let source: any Source
    /// Where the next batch begins, as the last commit says, or the job.
    let next: SourceOffsets

    /// The sources of the job that a command line names, or the one of them that it asks for.
    static func all(_ arguments: Arguments) throws -> [LookedAtSource] {
        let job = try loadJob(arguments.word("JOB"))
        let wanted = arguments.text("source")
        let names = job.sources.map(\.name)
        if let wanted, !names.contains(wanted) {
            throw arguments.fault(
                "the job has no source '\(shown(wanted))'; it has \(listed(names))")
        }
        let place: CheckpointPlace?
        do {
            place = try CheckpointPlace(of: job)
        } catch is UsageError {
            // The job has not run yet; one that cannot be read is told of.
            place = nil
        }
        let entry = try place.flatMap { place in
            try place.reader.committedBatches().last.map { try place.reader.offsets($0) }
        }
        let folder = try place?.path ?? Path(job.checkpointLocation)
        return try job.sources.filter { wanted == nil || $0.name == wanted }.map {
            try LookedAtSource($0, folder, entry?.offsets(of: $0.name)?.end)
        }
    }

    /// The only one of them.
    static func one(_ arguments: Arguments) throws -> LookedAtSource {
        let all = try all(arguments)
        guard all.count == 1 else {
            throw arguments.fault("say which source with --source: \(listed(all.map(\.name)))")
        }
        return all[0]
    }

    private init(_ source: JobSource, _ checkpoint: Path, _ committed: SourceOffsets?) throws {
        name = source.name
        self.source = try source.open(checkpoint: checkpoint, keepsFindings: false)
        let start = try committed ?? Self.start(source.startingOffsets, self.source)
        next = try start.filled(from: self.source.earliest())
    }

    private static func start(
        _ starting: StartingOffsets, _ source: any Source
    ) throws -> SourceOffsets {
        switch starting {
        case .earliest: try source.earliest()
        case .latest: try source.latest()
        case .sourceDecides: try source.start()
        case .at(let position): position
        case .time(let time): try source.offsets(atOrAfter: time)
        }
    }

    /// What there is from a position on, as far as a source says now.
    func range(from start: SourceOffsets) throws -> OffsetRange {
        let latest = try source.latest()
        let first = try start.filled(from: source.earliest())
        // A split may be gone, or be shorter than what was read of it: a run says so.
        let both = latest.bySplit.map { split, end in (split, min(first[split] ?? 0, end)) }
        return OffsetRange(
            from: SourceOffsets(Dictionary(uniqueKeysWithValues: both)), to: latest)
    }

    /// The newest offsets of each split.
    func newest(_ count: Int64) throws -> OffsetRange {
        let earliest = try source.earliest()
        let latest = try source.latest()
        let starts = latest.bySplit.map { split, end in
            (split, min(end, max(earliest[split] ?? 0, end - min(count, end))))
        }
        return OffsetRange(
            from: SourceOffsets(Dictionary(uniqueKeysWithValues: starts)), to: latest)
    }
}

/// Prints rows of a source as its settings parse them, and says which records are no rows.
struct SourcePrinter {
    private static let rowsMax = 8_192

    private let source: any Source
    private let console: Console
    private let columns: [Int]?
    private let withOffsets: Bool
    private let schema: Schema
    private var printer: ResultPrinter
    /// Records that are no rows, so far.
    private(set) var malformedCount = 0
    /// Rows that were printed, so far.
    private(set) var rowCount = 0

    init(_ looked: LookedAtSource, _ arguments: Arguments, _ console: Console) throws {
        source = looked.source
        self.console = console
        withOffsets = arguments.has("offsets")
        let own = source.columns.schema
        columns = try arguments.text("columns").map { try columnIndices($0, in: own) }
        var fields = columns?.map { own[$0] } ?? own.fields
        if withOffsets {
            let places = [Field("_split", .string), Field("_offset", .long, isNullable: false)]
            if let taken = places.first(where: { own.index(of: $0.name) != nil }) {
                throw arguments.fault(
                    "the source has a column '\(taken.name)' itself; leave --offsets out")
            }
            fields = places + fields
        }
        schema = Schema(fields)
        printer = try ResultPrinter(
            schema, as: arguments.format, width: arguments.count("width"), on: console)
    }

    /// Prints the rows of a range, split by split, at most `limit` of them.
    ///
    /// - Returns: whether it had more.
    @discardableResult
    mutating func print(_ range: OffsetRange, limit: Int? = nil) throws -> Bool {
        guard !range.isEmpty else { return false }
        for plan in try source.plan(range, rowsMax: Self.rowsMax) {
            if let limit, rowCount >= limit { return true }
            let block = try plan.load()
            report(block, plan.split)
            let count = min(block.rows.count, limit.map { $0 - rowCount } ?? .max)
            printer.print(rows(block, plan.split).slice(0..<count))
            rowCount += count
            if count < block.rows.count { return true }
        }
        return false
    }

    private func rows(_ block: SourceBlock, _ split: SplitID) -> RecordBatch {
        var shown = columns?.map { block.rows.columns[$0] } ?? block.rows.columns
        if withOffsets {
            let offsets: [Value] = (0..<block.rows.count).map { row in
                switch block.offsets {
                case .from(let first): .long(first + Int64(row))
                case .each(let each): .long(each[row])
                }
            }
            let name: Value = split == .only ? .null : .string("\(split)")
            let names = Column(.string, Array(repeating: name, count: block.rows.count))
            shown = [names, Column(.long, offsets)] + shown
        }
        return RecordBatch(schema, shown, count: block.rows.count)
    }

    private mutating func report(_ block: SourceBlock, _ split: SplitID) {
        for record in block.malformed {
            console.warn(
                escapingControls(
                    "\(record.source) at \(record.byteOffset): \(record.reason): \(record.text)"))
        }
        malformedCount += block.malformedCount
        if block.lostCount > 0 {
            console.warn("\(counted(block.lostCount, "offset"))\(split.ofIt) are gone")
        }
    }

    /// Hands over what was printed so far.
    mutating func flush() { printer.flush() }

    /// Ends the output, and says how many records were no rows.
    mutating func finish() {
        printer.finish()
        if malformedCount > 0 {
            console.say("\(counted(Int64(malformedCount), "record")) left out")
        }
    }
}
