public import Columnar
import Storage
import Synchronization

/// Rows of a tick log in order.
public struct LogBlock: Sendable {
    /// The offset of the first row.
    public let baseOffset: Int64
    /// The rows, of the columns asked for.
    public let batch: RecordBatch
    /// The smallest event time of these rows, in microseconds; `nil` where all are null.
    public let timeMin: Int64?
    /// The largest event time of these rows, in microseconds; `nil` where all are null.
    public let timeMax: Int64?

    /// The offset after the last row.
    public var endOffset: Int64 { baseOffset + Int64(batch.count) }
}

/// A block that is located but not read yet; `load()` may run on any thread.
public struct LogBlockPlan: Sendable {
    /// The offsets of the block's rows.
    public let offsets: Range<Int64>

    let entry: GroupEntry
    let file: SegmentFile
    let isVerified: Bool
    let place: (segment: Int64, group: Int)
    let columns: [Int]?
    let reader: TickLogReader

    /// Reads the block: checks its checksum if nobody did before, then cuts it to its offsets.
    public func load() throws(TickLogError) -> LogBlock {
        let whole = try reader.wholeGroup(of: self)
        let first = Int(offsets.lowerBound - entry.baseOffset)
        let rows = first..<first + offsets.count
        var times = entry.times
        var batch = whole
        if rows.count < whole.count {
            batch = whole.slice(rows)
            let timeIndex = file.log.timeIndex
            if let place = (columns ?? Array(whole.schema.fields.indices)).firstIndex(of: timeIndex)
            {
                times = batch.times(inColumn: place)
            } else {
                let group = try file.group(entry, isVerified: true)
                times = try file.decode(group, columns: [timeIndex]).slice(rows)
                    .times(inColumn: 0)
            }
        }
        return LogBlock(
            baseOffset: offsets.lowerBound, batch: batch, timeMin: times?.lowerBound,
            timeMax: times?.upperBound)
    }
}

/// A group that was decoded, for those who read it piece by piece.
struct DecodedGroup {
    let file: SegmentFile
    let position: Int
    let columns: [Int]?
    let rows: RecordBatch
}

extension TickLogReader {
    /// All rows of a block's group, decoded; verified unless that was done before.
    ///
    /// Of groups that are read in parts the last one stays decoded, since the next part is most
    /// likely wanted next.
    fileprivate func wholeGroup(of plan: LogBlockPlan) throws(TickLogError) -> RecordBatch {
        let isPart = plan.offsets.count < plan.entry.rowCount
        if isPart, let known = lastDecoded.withLock({ $0 }), known.file === plan.file,
            known.position == plan.entry.position, known.columns == plan.columns
        {
            return known.rows
        }
        let group = try plan.file.group(plan.entry, isVerified: plan.isVerified)
        if !plan.isVerified { markVerified(plan.entry, at: plan.place) }
        let rows = try plan.file.decode(group, columns: plan.columns)
        if isPart {
            let decoded = DecodedGroup(
                file: plan.file, position: plan.entry.position, columns: plan.columns, rows: rows)
            lastDecoded.withLock { $0 = decoded }
        }
        return rows
    }

    /// The rows of a range of offsets, in blocks, cut exactly to the range.
    ///
    /// Buffers of rows that were not compressed are not copied: they lie in the mapped file, which
    /// stays mapped as long as they are in use.
    ///
    /// - Parameters:
    ///   - offsets: must lie within `startOffset ..< endOffset`, as of the last refresh.
    ///   - columns: the columns to read, by index, in the order wanted; all by default.
    ///   - rowsMax: the most rows of a block; by default blocks are as they were appended.
    /// - Returns: the blocks, in order and without gap.
    /// - Throws: `.offsetsRemoved`, `.offsetsAhead`; `.damaged` for bytes that do not verify.
    public func read(
        _ offsets: Range<Int64>, columns: [Int]? = nil, rowsMax: Int = .max
    ) throws(TickLogError) -> [LogBlock] {
        var blocks: [LogBlock] = []
        for plan in try plan(offsets, columns: columns, rowsMax: rowsMax) {
            blocks.append(try plan.load())
        }
        return blocks
    }

    /// The blocks of a range of offsets without their rows, to be loaded on any thread.
    ///
    /// The parameters are those of `read`.
    public func plan(
        _ offsets: Range<Int64>, columns: [Int]? = nil, rowsMax: Int = .max
    ) throws(TickLogError) -> [LogBlockPlan] {
        guard rowsMax > 0, columns?.allSatisfy({ schema.fields.indices.contains($0) }) ?? true
        else {
            throw TickLogError(
                .invalidArgument, "a block needs a row, and a column must be one of the log's")
        }
        return try withSegments { (state) throws(TickLogError) in
            try check(offsets, state.mark)
            release(before: offsets.lowerBound, &state)
            var plans: [LogBlockPlan] = []
            var next = offsets.lowerBound
            while next < offsets.upperBound {
                let index = state.segments.lastIndex { $0.baseOffset <= next } ?? 0
                try load(index, &state)
                let segment = state.segments[index]
                guard let file = segment.file, let last = segment.groups.last,
                    last.endOffset > next
                else {
                    throw TickLogError.damaged(
                        "offset \(next) is missing", file: path, position: 0)
                }
                var group = segment.groups.partition { $0.endOffset > next }
                while group < segment.groups.count, next < offsets.upperBound {
                    let entry = segment.groups[group]
                    let end = min(
                        entry.endOffset, offsets.upperBound,
                        next + Int64(min(rowsMax, entry.rowCount)))
                    plans.append(
                        LogBlockPlan(
                            offsets: next..<end, entry: entry, file: file,
                            isVerified: segment.verified[group],
                            place: (segment.baseOffset, group), columns: columns, reader: self))
                    next = end
                    if next == entry.endOffset { group += 1 }
                }
            }
            return plans
        }
    }

    /// The offset of the first row, in the order of the log, whose event time is at or after a
    /// moment; `nil` when there is none yet.
    public func offset(atOrAfter timestampMicros: Int64) throws(TickLogError) -> Int64? {
        // Whole groups are passed over by their largest event time.
        let segmentCount = state.withLock { $0.segments.count }
        for index in 0..<segmentCount {
            let offsets = try withSegments { (state) throws(TickLogError) -> Range<Int64>? in
                guard index < state.segments.count else { return nil }
                try load(index, &state)
                return state.segments[index].groups
                    .first { $0.times != nil && $0.timeMax >= timestampMicros }
                    .map { $0.baseOffset..<$0.endOffset }
            }
            guard let offsets else { continue }
            for block in try read(offsets, columns: [log.timeIndex]) {
                let column = block.batch.columns[0]
                let values = column.int64s
                for row in values.indices
                where values[row] >= timestampMicros && !column.isNull(row) {
                    return block.baseOffset + Int64(row)
                }
            }
        }
        return nil
    }

    /// Gives back the memory of rows before an offset: who reads on does not read them again.
    private func release(before offset: Int64, _ state: inout State) {
        for index in state.segments.indices {
            let segment = state.segments[index]
            guard segment.baseOffset < offset, let file = segment.file else { continue }
            let group = segment.groups.partition { $0.endOffset > offset }
            let end =
                group < segment.groups.count ? segment.groups[group].position : file.source.count
            guard end > segment.releasedBytes else { continue }
            file.release(segment.releasedBytes..<end)
            state.segments[index].releasedBytes = end
        }
    }

    private func check(_ offsets: Range<Int64>, _ mark: HighWatermark) throws(TickLogError) {
        guard offsets.lowerBound >= mark.startOffset else {
            throw TickLogError(
                .offsetsRemoved,
                "offset \(offsets.lowerBound) is needed, the log starts at \(mark.startOffset): "
                    + "\(mark.startOffset - offsets.lowerBound) rows were removed by retention; "
                    + "start from \(mark.startOffset), or restore the older segments", file: path)
        }
        guard offsets.upperBound <= mark.endOffset else {
            throw TickLogError(
                .offsetsAhead,
                "offset \(offsets.upperBound) is asked for, the log is durable up to "
                    + "\(mark.endOffset)", file: path)
        }
    }

    func markVerified(_ entry: GroupEntry, at place: (segment: Int64, group: Int)) {
        state.withLock { state in
            // The segment may have been removed or rewritten since the block was planned.
            guard let index = state.segments.firstIndex(where: { $0.baseOffset == place.segment }),
                state.segments[index].groups.indices.contains(place.group),
                state.segments[index].groups[place.group].checksum == entry.checksum
            else { return }
            state.segments[index].verified[place.group] = true
        }
    }

    /// Maps a segment and brings its index up to date.
    private func load(_ index: Int, _ state: inout State) throws(TickLogError) {
        if state.segments[index].isComplete { return }
        let base = state.segments[index].baseOffset
        let isActive = base == state.mark.segmentBase
        let known = state.segments[index].groups.last?.endOffset ?? base
        if isActive && known == state.mark.endOffset { return }
        let name = SegmentHeader.fileName(base)
        let segmentPath = try storage { () throws(StorageError) in try path.appending(name) }
        let file = try SegmentFile(
            segmentPath, baseOffset: base, byteCount: isActive ? Int(state.mark.segmentBytes) : nil,
            log, files)
        state.segments[index].file = file
        state.segments[index].releasedBytes = 0
        if isActive {
            try extend(&state.segments[index], file, to: state.mark.endOffset)
            return
        }
        let seal = try file.seal()
        let next =
            index + 1 < state.segments.count
            ? state.segments[index + 1].baseOffset : state.mark.endOffset
        guard seal.endOffset == next else {
            throw TickLogError.damaged(
                "the segment ends at offset \(seal.endOffset), the next begins at \(next)",
                file: segmentPath, position: seal.dataBytes)
        }
        state.segments[index].groups = seal.groups
        state.segments[index].verified = [Bool](repeating: false, count: seal.groups.count)
        state.segments[index].isComplete = true
    }

    /// Adds the groups of the active segment that are new.
    private func extend(
        _ segment: inout ReaderSegment, _ file: SegmentFile, to end: Int64
    ) throws(TickLogError) {
        var walk =
            segment.groups.last.map { SegmentWalk(file, end: file.source.count, after: $0) }
            ?? SegmentWalk(file, end: file.source.count)
        do throws(SegmentFault) {
            while let group = try walk.next(verifying: false) {
                segment.groups.append(
                    GroupEntry(
                        group.header, position: group.range.lowerBound,
                        byteCount: group.range.count))
                segment.verified.append(false)
            }
            guard walk.offset == end else {
                throw SegmentFault(
                    "the segment ends at offset \(walk.offset), \(end) is durable",
                    at: walk.position)
            }
        } catch {
            throw TickLogError.damaged(error.message, file: file.path, position: error.position)
        }
    }
}

extension [GroupEntry] {
    /// The first index whose element satisfies a condition that, once true, stays true.
    func partition(_ condition: (GroupEntry) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
