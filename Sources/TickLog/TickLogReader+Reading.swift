import Columnar
import Storage
import Synchronization

/// A group that was decoded, for those who read it piece by piece.
struct DecodedGroup {
    let file: SegmentFile
    let position: Int
    let columns: [Int]?
    let rows: RecordBatch
    let endOffset: Int64
}

extension TickLogReader {
    /// All rows of a block's group, decoded; verified unless that was done before.
    ///
    /// Of groups that are read in parts the last one stays decoded, since the next part is most
    /// likely wanted next.
    func wholeGroup(
        of plan: LogBlockPlan, _ place: GroupPlace
    ) throws(TickLogError) -> RecordBatch {
        let isPart = plan.offsets.count < place.entry.rowCount
        if isPart, let known = lastDecoded.withLock({ $0 }), known.file === place.file,
            known.position == place.entry.position, known.columns == plan.columns
        {
            return known.rows
        }
        let group = try place.file.group(place.entry, isVerified: place.isVerified)
        if !place.isVerified { markVerified(place) }
        let rows = try place.file.decode(group, columns: plan.columns)
        if isPart {
            let decoded = DecodedGroup(
                file: place.file, position: place.entry.position, columns: plan.columns,
                rows: rows, endOffset: place.entry.endOffset)
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
            let end = state.mark.segmentEnd
            if offsets.lowerBound < end {
                let range = offsets.clamped(to: offsets.lowerBound..<end)
                try planGroups(range, columns, rowsMax, &state, into: &plans)
            }
            if offsets.upperBound > end {
                let range = offsets.clamped(to: end..<offsets.upperBound)
                try planFrames(range, columns, rowsMax, &state, into: &plans)
            }
            return plans
        }
    }

    private func planGroups(
        _ offsets: Range<Int64>, _ columns: [Int]?, _ rowsMax: Int, _ state: inout State,
        into plans: inout [LogBlockPlan]
    ) throws(TickLogError) {
        var next = offsets.lowerBound
        while next < offsets.upperBound {
            let index = state.segments.lastIndex { $0.baseOffset <= next } ?? 0
            try load(index, &state)
            let segment = state.segments[index]
            guard let file = segment.file, let last = segment.groups.last, last.endOffset > next
            else {
                throw TickLogError.damaged("offset \(next) is missing", file: path, position: 0)
            }
            var group = segment.groups.partition { $0.endOffset > next }
            while group < segment.groups.count, next < offsets.upperBound {
                let entry = segment.groups[group]
                let end = min(
                    entry.endOffset, offsets.upperBound, next + Int64(min(rowsMax, entry.rowCount)))
                let place = GroupPlace(
                    entry: entry, file: file, isVerified: segment.verified[group],
                    segment: segment.baseOffset, group: group)
                plans.append(
                    LogBlockPlan(
                        offsets: next..<end, place: .group(place), columns: columns, reader: self))
                next = end
                if next == entry.endOffset { group += 1 }
            }
        }
    }

    /// The offset of the first row, in the order of the log, whose event time is at or after a
    /// moment; `nil` when there is none yet.
    public func offset(atOrAfter timestampMicros: Int64) throws(TickLogError) -> Int64? {
        // Whole groups are passed over by their largest event time.
        defer { state.withLock { state in forget(before: .max, &state) } }
        let segmentCount = state.withLock { $0.segments.count }
        for index in 0..<segmentCount {
            let offsets = try withSegments { (state) throws(TickLogError) -> Range<Int64>? in
                guard index < state.segments.count else { return nil }
                if index < state.segments.count - 1, !state.segments[index].isComplete,
                    try !mayHold(
                        timeAtOrAfter: timestampMicros, segment: state.segments[index].baseOffset)
                {
                    return nil
                }
                try load(index, &state)
                return state.segments[index].groups
                    .first { $0.times != nil && $0.timeMax >= timestampMicros }
                    .map { $0.baseOffset..<$0.endOffset }
            }
            guard let offsets else { continue }
            if let found = try firstOffset(in: offsets, atOrAfter: timestampMicros) { return found }
        }
        let rest = state.withLock { $0.mark.segmentEnd..<$0.mark.endOffset }
        return try rest.isEmpty ? nil : firstOffset(in: rest, atOrAfter: timestampMicros)
    }

    private func firstOffset(
        in offsets: Range<Int64>, atOrAfter timestampMicros: Int64
    ) throws(TickLogError) -> Int64? {
        for plan in try plan(offsets, columns: [log.timeIndex]) {
            let block = try plan.load()
            let column = block.batch.columns[0]
            let values = column.int64s
            for row in values.indices where values[row] >= timestampMicros && !column.isNull(row) {
                return block.baseOffset + Int64(row)
            }
        }
        return nil
    }

    /// Gives back the memory of rows before an offset: who reads on does not read them again.
    private func release(before offset: Int64, _ state: inout State) {
        forget(before: offset, &state)
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

    /// Lets go of the maps and indexes of segments and journals that end at or before an offset;
    /// who still reads a block of theirs keeps the map that long.
    private func forget(before offset: Int64, _ state: inout State) {
        for index in state.segments.indices.dropLast()
        where state.segments[index].file != nil && state.segments[index + 1].baseOffset <= offset {
            state.segments[index] = ReaderSegment(baseOffset: state.segments[index].baseOffset)
        }
        for index in state.journals.indices.dropLast()
        where state.journals[index].file != nil && state.journals[index + 1].baseOffset <= offset {
            state.journals[index] = ReaderJournal(baseOffset: state.journals[index].baseOffset)
        }
        if let last = lastDecoded.withLock({ $0 }), last.endOffset <= offset {
            lastDecoded.withLock { $0 = nil }
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

    func markVerified(_ place: GroupPlace) {
        state.withLock { state in
            // The segment may have been removed or rewritten since the block was planned.
            guard let index = state.segments.firstIndex(where: { $0.baseOffset == place.segment }),
                state.segments[index].groups.indices.contains(place.group),
                state.segments[index].groups[place.group].checksum == place.entry.checksum
            else { return }
            state.segments[index].verified[place.group] = true
        }
    }

    /// Maps a segment and brings its index up to date.
    func load(_ index: Int, _ state: inout State) throws(TickLogError) {
        if state.segments[index].isComplete { return }
        let base = state.segments[index].baseOffset
        let isActive = base == state.mark.segmentBase
        let known = state.segments[index].groups.last?.endOffset ?? base
        if isActive && known == state.mark.segmentEnd { return }
        let name = SegmentHeader.fileName(base)
        let segmentPath = try storage { () throws(StorageError) in try path.appending(name) }
        let file = try SegmentFile(
            segmentPath, baseOffset: base, byteCount: isActive ? Int(state.mark.segmentBytes) : nil,
            log, files)
        state.segments[index].file = file
        state.segments[index].releasedBytes = 0
        if isActive {
            try extend(&state.segments[index], file, to: state.mark.segmentEnd)
            return
        }
        let seal = try file.seal()
        let next =
            index + 1 < state.segments.count
            ? state.segments[index + 1].baseOffset : state.mark.segmentEnd
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
