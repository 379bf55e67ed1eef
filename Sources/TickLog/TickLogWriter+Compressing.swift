import Columnar
import Storage
import Synchronization

extension TickLogWriter {
    /// Writes a sealed segment anew in large zstd-compressed groups with the same offsets.
    ///
    /// The new file takes the old one's name in one step. Positions of producers within the
    /// segment are lost, those at its end stay.
    ///
    /// - Parameters:
    ///   - base: the segment's base offset; `sealedSegments` lists them.
    ///   - rowsMax: the most rows of a new group.
    ///   - level: zstd's level.
    ///   - pause: called after every group; `false` gives the work up.
    /// - Returns: whether it was written anew.
    /// - Throws: `.invalidArgument` for a segment that is not sealed; `.damaged` when it cannot be
    ///   read: then it stays as it is.
    @discardableResult
    public func compress(
        segment base: Int64, rowsMax: Int = 1 << 18, level: Int = 3,
        pause: () -> Bool = { true }
    ) throws(TickLogError) -> Bool {
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
        guard let staged = try rewrite(old, segment, rowsMax: rowsMax, level: level, pause) else {
            return false
        }
        return try maintenance.withLock { (_) throws(TickLogError) in
            // Retention may have removed it in the meantime.
            let isKept = try state.withLock { (state) throws(TickLogError) in
                try check(state)
                return base >= state.startOffset
            }
            guard isKept else {
                files.discard(staged)
                return false
            }
            do throws(TickLogError) {
                try storage { () throws(StorageError) in _ = try files.publish([staged]) }
            } catch {
                guard error.code == .writerFailed else { throw error }
                try state.withLock { (state) throws(TickLogError) in
                    try failing(&state) { (_) throws(TickLogError) in throw error }
                }
            }
            try state.withLock { (state) throws(TickLogError) in
                state.generation += 1
                try failing(&state) { (state) throws(TickLogError) in try publishDurable(&state) }
            }
            return true
        }
    }

    /// The base offsets of the segments that take no more rows, ascending.
    public func sealedSegments() throws(TickLogError) -> [Int64] {
        let active = state.withLock { $0.header.baseOffset }
        return try LogDirectory.segmentBases(path, files).filter { $0 < active }
    }

    private func rewrite(
        _ old: SegmentFile, _ segment: Path, rowsMax: Int, level: Int, _ pause: () -> Bool
    ) throws(TickLogError) -> StagedFile? {
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
                old.release(0..<entry.position)
                guard pause() else {
                    staging.discard()
                    return nil
                }
            }
            batches.append(
                try old.decode(old.group(entry, isVerified: false), columns: nil))
            pending += entry.rowCount
        }
        try flush(&batches, from: base)
        let seal = SegmentSeal(
            baseOffset: header.baseOffset, endOffset: oldSeal.endOffset, groups: groups,
            dataBytes: written, dataChecksum: checksum.value, last: oldSeal.last,
            sealedAtMicros: oldSeal.sealedAtMicros, producers: oldSeal.producers,
            isCompressed: true)
        return try storage { () throws(StorageError) in
            try staging.append(seal.encode(seed: log.seed))
            return try staging.finish()
        }
    }
}

extension TickLogWriter {
    /// Compresses the oldest sealed segment that is not compressed yet.
    ///
    /// - Parameter pause: called after every group that was written; `false` gives the work up.
    /// - Returns: whether there was one; with `false` nothing is left to do for now.
    /// - Throws: `.noSpace` or `.damaged`: that segment stays as it is, and is not tried again by
    ///   this writer unless it was for want of space.
    public func compressNext(pause: () -> Bool) throws(TickLogError) -> Bool {
        let from = maintenance.withLock { $0.compressedBelow }
        for base in try sealedSegments() where base >= from {
            let segment = try storage { () throws(StorageError) in
                try path.appending(SegmentHeader.fileName(base))
            }
            var isDone = true
            defer { if isDone { maintenance.withLock { $0.compressedBelow = base + 1 } } }
            // Retention may remove it meanwhile.
            guard let summary = try? SegmentSummary.read(segment, baseOffset: base, log, files),
                !summary.isCompressed
            else { continue }
            do throws(TickLogError) {
                isDone = try compress(segment: base, pause: pause)
            } catch {
                isDone = error.code == .damaged
                throw error
            }
            return true
        }
        return false
    }
}

/// What the maintenance of a log remembers.
struct Maintenance: Sendable {
    /// Segments that begin before this offset are compressed, or cannot be.
    var compressedBelow: Int64 = 0
}
