import Columnar
import Storage
import Synchronization

extension TickLogWriter {
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
        try maintenance.withLock { (_) throws(TickLogError) in
            try retainHoldingMaintenance(bytesMax, sealedBeforeMicros, neededFrom)
        }
    }

    private func retainHoldingMaintenance(
        _ bytesMax: Int64?, _ sealedBeforeMicros: Int64?, _ neededFrom: Int64
    ) throws(TickLogError) -> Int64 {
        try state.withLock { (state) throws(TickLogError) in try check(state) }
        let (removed, start) = try outdated(bytesMax, sealedBeforeMicros, neededFrom)
        guard let start else { return startOffset }
        // Readers learn of it first, and so does recovery: a segment that is missing without
        // word of it is damage. Oldest first, so that a crash leaves no gap.
        try state.withLock { (state) throws(TickLogError) in
            state.generation += 1
            state.startOffset = start
            try failing(&state) { (state) throws(TickLogError) in
                try publishDurable(&state)
                try storage { () throws(StorageError) in try markFile.sync() }
            }
        }
        for segment in removed {
            try storage { () throws(StorageError) in try files.remove([segment]) }
        }
        return start
    }

    /// The segments that are to go, and the offset of the first row that stays; `nil` when all stay.
    private func outdated(
        _ bytesMax: Int64?, _ sealedBeforeMicros: Int64?, _ neededFrom: Int64
    ) throws(TickLogError) -> ([Path], start: Int64?) {
        let active = state.withLock { $0.header.baseOffset }
        var total: Int64 = 0
        var sizes: [(base: Int64, bytes: Int64, path: Path)] = []
        for entry in try storage({ () throws(StorageError) in try files.list(path) })
        where entry.kind == .file {
            total = total.addingReportingOverflow(entry.size).partialValue
            guard let base = SegmentHeader.baseOffset(ofFile: entry.name), base <= active else {
                continue
            }
            let segment = try storage { () throws(StorageError) in try path.appending(entry.name) }
            sizes.append((base, entry.size, segment))
        }
        sizes.sort { $0.base < $1.base }
        var removed: [Path] = []
        var start: Int64?
        for (segment, next) in zip(sizes, sizes.dropFirst()) {
            guard next.base <= neededFrom else { break }
            let isOverSize = bytesMax.map { total > $0 } ?? false
            var isOld = false
            if !isOverSize, let sealedBeforeMicros {
                let summary = try SegmentSummary.read(
                    segment.path, baseOffset: segment.base, log, files)
                isOld = summary.sealedAtMicros < sealedBeforeMicros
            }
            guard isOverSize || isOld else { break }
            total -= segment.bytes
            removed.append(segment.path)
            start = next.base
        }
        return (removed, start)
    }

    /// The base offset of the segment that takes more rows.
    public var activeSegment: Int64 { state.withLock { $0.header.baseOffset } }

    /// Where the log would start if nobody needed a row; `nil` when all would stay.
    public func startWhenRetained(
        bytesMax: Int64?, sealedBeforeMicros: Int64?
    ) throws(TickLogError) -> Int64? {
        try outdated(bytesMax, sealedBeforeMicros, .max).start
    }
}
