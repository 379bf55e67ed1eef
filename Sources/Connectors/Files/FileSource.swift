import Checkpoints
public import Columnar
public import ConnectorAPI
public import Storage
import Synchronization

/// A directory of files as a source, by the rules of Spark's: a file is read once, whole, and in
/// the order of the files' times of change.
///
/// Which files there are, in which order and with which offsets, is in the checkpoint before a row
/// of them is read, so that every batch can be run again. Unlike in Spark no file is ever too old
/// to be read: there is no `maxFileAge`.
public final class FileSource: Source {
    /// `parquet[lake/ohlcv]`.
    public let description: String
    let rows: any FileRows
    private let timeColumn: String?
    let listing: DirectoryFiles
    let selection: FileSelection
    let files: any FileSystem
    private let time: any TimeSource
    private let openLog: @Sendable () throws -> SourceLog
    private let pool = OpenFilePool()
    let state: Mutex<State> = Mutex(State())

    struct State {
        var log: SourceLog?
        var found: [SourceFile] = []
        var known: Set<String> = []
        var beginnings = KnownBeginnings()
        /// When the directory may be listed again.
        var nextListing = MonotonicTime(nanos: 0)
        /// What became of files that could not be read.
        var faults = FileFaults()

        var end: Int64 { found.last?.offsets.upperBound ?? 0 }

        /// The index of the first file that ends behind an offset.
        func firstFile(endingAfter offset: Int64) -> Int {
            var (low, high) = (0, found.count)
            while low < high {
                let middle = (low + high) / 2
                if found[middle].offsets.upperBound <= offset {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
    }

    /// How often a directory is listed at most: engines look for new rows much more often.
    private static let listingNanos: UInt64 = 100_000_000

    /// A source over files.
    ///
    /// - Parameters:
    ///   - selection: which files, and how many a batch.
    ///   - format: the word for what they hold, for the description.
    ///   - timeColumn: the column that is the event time, if one is.
    ///   - place: where the source is; the list of files is kept in its checkpoint. Nothing is read
    ///     from that before the first offset is asked for, and written only for new files, so the
    ///     engine has its lock by then.
    ///   - makeRows: what makes rows of the files; given the source's description, and what finds
    ///     the first of the files if there is one.
    /// - Throws: what `makeRows` throws.
    public init(
        _ selection: FileSelection, format: String, timeColumn: String?, _ place: SourcePlace,
        rows makeRows: (_ description: String, _ example: () throws -> Path?) throws
            -> any FileRows
    ) throws {
        self.timeColumn = timeColumn
        let files = place.files
        let listing = DirectoryFiles(
            patterns: selection.paths, nameFilter: selection.pathGlobFilter, files: files)
        self.listing = listing
        description = "\(format)[\(selection.paths.joined(separator: ","))]"
        openLog = {
            try SourceLog(
                checkpoint: place.checkpoint, source: place.name, files: files,
                isKept: place.keepsFindings)
        }
        rows = try makeRows(description) { [openLog] in
            try openLog().found.first.map { try Path($0.path) }
                ?? listing.new(besides: []).first?.path
        }
        self.selection = selection
        self.files = files
        time = place.time
    }

    /// The columns of every row.
    public var columns: SourceColumns {
        SourceColumns(schema: rows.schema, timeColumn: timeColumn)
    }

    /// 0: files are never forgotten.
    public func earliest() throws(ConnectorError) -> SourceOffsets { SourceOffsets(only: 0) }

    /// One past the last row of the files that are there, after a look for new ones.
    public func latest() throws(ConnectorError) -> SourceOffsets {
        try connectorErrors {
            try state.withLock { state in
                let log = try load(&state)
                let now = time.now
                if now < state.nextListing { return SourceOffsets(only: state.end) }
                let more = try listing.new(besides: state.known)
                try add(more, to: &state, log)
                state.nextListing = now.advanced(byNanos: Self.listingNanos)
                return SourceOffsets(only: state.end)
            }
        }
    }

    /// Hands on what is wanted.
    public func want(_ ranges: [ColumnRange]) { rows.want(ranges) }

    /// Rows, or bytes of text: how many rows those are nobody knows.
    public func unread(from start: SourceOffsets, to end: SourceOffsets) -> Unread {
        let offsets = start.distance(to: end)
        return rows.countsBytes ? Unread(bytes: offsets) : Unread(rows: offsets)
    }

    /// Sleeps until the directory may be listed again.
    public func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        let due = min(deadline, state.withLock { $0.nextListing })
        time.sleep(nanos: max(1_000_000, due.nanos(since: time.now)))
    }

    /// Files are read whole, so no offset but the end is known for a time.
    public func offsets(atOrAfter time: EventTime) throws(ConnectorError) -> SourceOffsets {
        throw ConnectorError(
            "badOptions",
            "a directory of files has no order of event times, so no place in it can be given "
                + "as a time; use \"where\", or read the files into a log", at: description)
    }

    /// The end of the last file that the limits let into a batch: whole files, and at least one,
    /// even where that lies beyond the range.
    public func end(of range: OffsetRange) throws(ConnectorError) -> SourceOffsets {
        try connectorErrors {
            SourceOffsets(only: try range.only.map(end) ?? 0)
        }
    }

    private func end(of offsets: Range<Int64>) throws -> Int64 {
        try state.withLock { state in
            _ = try load(&state)
            var (count, bytes, end) = (0, 0 as Int64, offsets.lowerBound)
            for file in state.found[state.firstFile(endingAfter: offsets.lowerBound)...] {
                if end >= offsets.upperBound { break }
                let (sum, overflow) = bytes.addingReportingOverflow(file.bytes)
                if count > 0 {
                    if let most = selection.maxFilesPerTrigger, count >= most { break }
                    if let most = selection.maxBytesPerTrigger, overflow || sum > most { break }
                }
                (count, bytes) = (count + 1, overflow ? .max : sum)
                end = file.offsets.upperBound
            }
            return end
        }
    }

    /// The parts of the files in a range.
    public func plan(
        _ range: OffsetRange, rowsMax: Int
    ) throws(ConnectorError) -> [BlockPlan] {
        try connectorErrors {
            try range.splits.flatMap { _, offsets in try parts(offsets, rowsMax: rowsMax) }
        }
    }

    private func parts(_ offsets: Range<Int64>, rowsMax: Int) throws -> [BlockPlan] {
        let entries = try state.withLock { state in
            _ = try load(&state)
            guard offsets.upperBound <= state.end else {
                throw ConnectorError(
                    "fileChanged",
                    "offsets up to \(offsets.upperBound) were read before, the list of files in "
                        + "the checkpoint ends at \(state.end): restore the checkpoint's "
                        + "'sources' from a backup, or clear the job", at: description,
                    fault: .damage)
            }
            let first = state.firstFile(endingAfter: offsets.lowerBound)
            return state.found[first...].prefix { $0.offsets.lowerBound < offsets.upperBound }
        }
        return try entries.flatMap { entry in
            let file = OpenSourceFile(
                entry, content: try content(of: entry), files: files, pool)
            return try parts(of: file, entry.offsets.clamped(to: offsets), rowsMax: rowsMax)
        }
    }

    /// The parts of a file; where it cannot be read, that is settled here.
    private func parts(
        of file: OpenSourceFile, _ offsets: Range<Int64>, rowsMax: Int
    ) throws -> [BlockPlan] {
        let start = file.entry.offsets.lowerBound
        do {
            let own = offsets.lowerBound - start..<offsets.upperBound - start
            return try rows.parts(of: file, own, rowsMax: rowsMax).map { plan in
                BlockPlan(split: plan.split, offsets: plan.offsets) { [self] in
                    do {
                        return try plan.load()
                    } catch {
                        return try leftOut(error, file, plan.offsets)
                    }
                }
            }
        } catch {
            let block = try leftOut(error, file, offsets)
            return [BlockPlan(offsets: offsets) { block }]
        }
    }

    /// What is known of the directory; changes nothing.
    public func status() throws -> SourceStatus {
        try state.withLock { state in
            _ = try load(&state)
            return SourceStatus(
                "directory", offsets: 0..<state.end, countsBytes: rows.countsBytes,
                newFiles: try listing.new(besides: state.known).count)
        }
    }

    func load(_ state: inout State) throws -> SourceLog {
        if let log = state.log { return log }
        let log = try openLog()
        for file in log.found {
            if state.known.insert(file.path).inserted {
                state.found.append(file)
                state.beginnings.add(file)
            } else {
                state.faults.note(file, of: state.found)
            }
        }
        state.log = log
        return log
    }

    private func add(
        _ more: [DirectoryFiles.Found], to state: inout State, _ log: SourceLog
    ) throws {
        var end = state.end
        var entries: [SourceFile] = []
        for found in more where !state.faults.isLeftOut(found) {
            let file = try files.openForReading(found.path)
            let count: Int64
            do {
                count = try rows.offsetCount(of: file, bytes: found.bytes)
            } catch {
                let fault = ConnectorError(error)
                guard isLeftOut(fault) else { throw fault }
                state.faults.leaveOut(found, fault)
                continue
            }
            let (next, overflow) = end.addingReportingOverflow(count)
            guard !overflow else {
                throw ConnectorError(
                    "unreadable", "the source has more than 2^63 rows", at: description)
            }
            entries.append(
                try entry(found, file, offsets: end..<next, beside: &state.beginnings))
            end = next
        }
        if state.found.isEmpty {
            try rows.check(firstFiles: entries.map { try Path($0.path) })
        }
        try log.append(entries)
        state.found += entries
        state.known.formUnion(entries.map(\.path))
    }

    /// What the list says of a file that was found, which is then one of those that are known.
    private func entry(
        _ found: DirectoryFiles.Found, _ file: any ReadFile, offsets: Range<Int64>,
        beside known: inout KnownBeginnings
    ) throws -> SourceFile {
        let fingerprint = try OpenSourceFile.fingerprint(of: file, bytes: found.bytes)
        // What is no text does not go on where another file ends.
        let head =
            rows.countsBytes
            ? try file.readUpTo(Int(min(found.bytes, FileContent.startBytes)), at: 0) : nil
        var (original, longer): (SourceFile?, SourceFile?) = (nil, nil)
        if let head {
            let other = KnownBeginnings.Found(file: file, bytes: found.bytes, head: head) {
                try self.rows.hasRows(file, bytes: $0)
            }
            original = try known.original(of: other)
            if original == nil { longer = try known.longer(than: other, in: files) }
        }
        let entry = SourceFile(
            path: found.path.string, bytes: found.bytes, modifiedNanos: found.modifiedNanos,
            fingerprint: fingerprint, start: head.map { FileContent.start(of: $0) },
            beginsWith: original?.path, beginningOf: longer?.path, offsets: offsets)
        known.add(entry, head: head)
        return entry
    }
}
