import Columnar
import Storage
import Synchronization

extension TickLogWriter {
    /// Closes the active segment and starts the next one; without rows in it, nothing happens.
    ///
    /// Everything appended so far is durable afterwards.
    public func seal() throws(TickLogError) {
        try state.withLock { (state) throws(TickLogError) in
            try check(state)
            try roll(&state)
        }
    }

    func roll(_ state: inout State) throws(TickLogError) {
        if state.groups.isEmpty { return }
        try sync(&state)
        let seal = SegmentSeal(
            baseOffset: state.header.baseOffset, endOffset: state.endOffset, groups: state.groups,
            dataBytes: state.writtenBytes, dataChecksum: state.dataChecksum.value,
            last: state.chain, sealedAtMicros: time.nowMicros(), producers: state.producers
        ).encode(seed: log.seed)
        try put(seal, at: state.writtenBytes, &state)
        try failing(&state) { (state) throws(TickLogError) in
            try storage { () throws(StorageError) in
                try state.file.sync()
                try state.file.close()
            }
            try startSegment(&state)
            try publishDurable(&state)
        }
    }

    /// Creates the segment that begins where the log ends and makes it the active one.
    func startSegment(_ state: inout State) throws(TickLogError) {
        let header = SegmentHeader(
            baseOffset: state.endOffset, previous: state.chain, last: nil,
            producers: state.producers)
        let bytes = header.encode(log, state.writer)
        state.file = try storage { () throws(StorageError) in
            let segment = try path.appending(SegmentHeader.fileName(header.baseOffset))
            try files.createAtomically(segment, mode: .createNew, contents: bytes)
            return try files.openForAppend(segment, createNew: false)
        }
        state.header = header
        state.writtenBytes = bytes.count
        state.durableBytes = bytes.count
        state.groups = []
        state.dataChecksum = ChecksumStream()
        unsafe state.dataChecksum.update(bytes.span.bytes)
        state.generation += 1
    }

    /// Removes the oldest sealed segments, whole, that no longer have to be kept.
    ///
    /// The active segment stays. Readers that have rows of a removed segment keep them.
    ///
    /// - Parameters:
    ///   - bytesMax: segments go while the log has more bytes than this.
    ///   - sealedBeforeMicros: segments go that were sealed before this moment (wall clock).
    ///   - neededFrom: the lowest offset that a checkpoint still needs; it and all after it stay.
    /// - Returns: the offset of the first row that is kept.
    /// - Throws: `.damaged` when a segment's seal cannot be read; `.storage`.
    @discardableResult
    public func retain(
        bytesMax: Int64? = nil, sealedBeforeMicros: Int64? = nil, neededFrom: Int64
    ) throws(TickLogError) -> Int64 {
        try state.withLock { (state) throws(TickLogError) in
            try check(state)
            var sizes: [(base: Int64, bytes: Int64, path: Path)] = []
            for base in try LogDirectory.segmentBases(path, files) {
                sizes.append(
                    try storage { () throws(StorageError) in
                        let segment = try path.appending(SegmentHeader.fileName(base))
                        return (base, try files.info(segment)?.size ?? 0, segment)
                    })
            }
            var total = sizes.clampedSum(\.bytes)
            var removed: [Path] = []
            for (segment, next) in zip(sizes, sizes.dropFirst()) {
                guard next.base <= neededFrom else { break }
                let isOverSize = bytesMax.map { total > $0 } ?? false
                var isOld = false
                if !isOverSize, let sealedBeforeMicros {
                    let file = try SegmentFile(segment.path, baseOffset: segment.base, log, files)
                    isOld = try file.seal().sealedAtMicros < sealedBeforeMicros
                }
                guard isOverSize || isOld else { break }
                total -= segment.bytes
                removed.append(segment.path)
                state.startOffset = next.base
            }
            if removed.isEmpty { return state.startOffset }
            // Readers learn of it first, and so does recovery: a segment that is missing without
            // word of it is damage. Oldest first, so that a crash leaves no gap.
            state.generation += 1
            try failing(&state) { (state) throws(TickLogError) in
                try publishDurable(&state)
                try storage { () throws(StorageError) in try markFile.sync() }
            }
            for segment in removed {
                try storage { () throws(StorageError) in try files.remove([segment]) }
            }
            return state.startOffset
        }
    }

    /// Writes a sealed segment anew in large zstd-compressed groups with the same offsets.
    ///
    /// The new file takes the old one's name in one step. Positions of producers within the
    /// segment are lost, those at its end stay.
    ///
    /// - Parameters:
    ///   - base: the segment's base offset; `sealedSegments` lists them.
    ///   - rowsMax: the most rows of a new group.
    ///   - level: zstd's level.
    /// - Throws: `.invalidArgument` for a segment that is not sealed; `.damaged` when it cannot be
    ///   read: then it stays as it is.
    public func compress(
        segment base: Int64, rowsMax: Int = 1 << 18, level: Int = 3
    ) throws(TickLogError) {
        try state.withLock { (state) throws(TickLogError) in try check(state) }
        guard let target = try sealedSegments().first(where: { $0 == base }) else {
            throw TickLogError(
                .invalidArgument, "there is no sealed segment that begins at offset \(base)",
                file: path)
        }
        let segment = try storage { () throws(StorageError) in
            try path.appending(SegmentHeader.fileName(target))
        }
        let old = try SegmentFile(segment, baseOffset: base, log, files)
        let staged = try rewrite(old, segment, rowsMax: rowsMax, level: level)
        try state.withLock { (state) throws(TickLogError) in
            try check(state)
            // Retention may have removed it in the meantime.
            guard base >= state.startOffset else { return files.discard(staged) }
            state.generation += 1
            try storage { () throws(StorageError) in _ = try files.publish([staged]) }
            try publishDurable(&state)
        }
    }

    /// The base offsets of the segments that take no more rows, ascending.
    public func sealedSegments() throws(TickLogError) -> [Int64] {
        let active = state.withLock { $0.header.baseOffset }
        return try LogDirectory.segmentBases(path, files).filter { $0 < active }
    }

    private func rewrite(
        _ old: SegmentFile, _ segment: Path, rowsMax: Int, level: Int
    ) throws(TickLogError) -> StagedFile {
        let oldSeal = try old.seal()
        let writer = ArrowStreamWriter(log.schema, compression: .zstd(level: level))
        let header = SegmentHeader(
            baseOffset: old.header.baseOffset, previous: old.header.previous, last: oldSeal.last,
            producers: old.header.producers)
        let staging = try storage { () throws(StorageError) in
            try files.beginStaging(segment, mode: .replace)
        }
        var checksum = ChecksumStream()
        var written = 0
        var groups: [GroupEntry] = []
        var chain = header.previous
        func put(_ bytes: [UInt8]) throws(TickLogError) {
            try storage { () throws(StorageError) in try staging.append(bytes) }
            unsafe checksum.update(bytes.span.bytes)
            written += bytes.count
        }
        func flush(_ batches: inout [RecordBatch], from base: Int64) throws(TickLogError) {
            if batches.isEmpty { return }
            let batch: RecordBatch
            do throws(StringsTooLarge) {
                batch = try RecordBatch.concatenate(batches, schema: log.schema)
            } catch {
                throw TickLogError(.invalidArgument, "\(error)", file: segment)
            }
            batches = []
            var header = GroupHeader(
                baseOffset: base, rowCount: batch.count,
                times: batch.times(inColumn: log.timeIndex),
                syncedThrough: oldSeal.endOffset, previous: chain, continues: false)
            let bytes = LogRecordBatch.encode(batch, &header, writer, seed: log.seed)
            groups.append(GroupEntry(header, position: written, byteCount: bytes.count))
            chain = header.checksum
            try put(bytes)
        }
        try put(header.encode(log, writer))
        var batches: [RecordBatch] = []
        var pending = 0
        var base = header.baseOffset
        for entry in oldSeal.groups {
            if pending > 0, pending + entry.rowCount > rowsMax {
                try flush(&batches, from: base)
                base += Int64(pending)
                pending = 0
            }
            batches.append(
                try old.decode(old.group(entry, isVerified: false), columns: nil))
            pending += entry.rowCount
        }
        try flush(&batches, from: base)
        let seal = SegmentSeal(
            baseOffset: header.baseOffset, endOffset: oldSeal.endOffset, groups: groups,
            dataBytes: written, dataChecksum: checksum.value, last: oldSeal.last,
            sealedAtMicros: oldSeal.sealedAtMicros, producers: oldSeal.producers)
        return try storage { () throws(StorageError) in
            try staging.append(seal.encode(seed: log.seed))
            return try staging.finish()
        }
    }
}
