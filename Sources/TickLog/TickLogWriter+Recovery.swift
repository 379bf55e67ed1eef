import Columnar
public import Storage

// What opening a log for writing does, with the lock held:
//
// 1. Every segment but the last must be sealed, and the segments must follow one another without
//    gap; sealed segments are trusted by the checksum of their index (`verify()` reads them).
// 2. The last segment, if it has no whole seal, is read from the device and every group of it checked.
//    The first byte that does not verify is
//      - damage, when it lies before the durable end that the high watermark or a later valid group of this
//        segment (synced_through) vouches for: the log is refused and nothing is changed;
//      - otherwise a torn tail: never durable, never acknowledged. It is dropped, together with
//        the groups of an append of which the end is missing.
// 3. If the segment is not exactly what the high watermark says was durable, its valid part is written to a
//    new file that takes the old one's place: what the cache held may never have reached the disk.
// 4. Journals are read from the device, too (Journal/JournalScan.swift), and folded. One that
//    begins before the segment's end was folded before.

extension TickLogWriter {
    struct Opened: ~Copyable {
        var state: State
        var recovery: TickLogRecovery
        let markFile: any AppendFile
        /// Whether the last segment is sealed, so that the next one has to be created.
        let needsSegment: Bool
        /// Journals that were folded before.
        var staleJournals: [Path] = []
    }

    static func recover(
        _ path: Path, _ log: LogDescription, _ files: any FileSystem
    ) throws(TickLogError) -> Opened {
        try storage { () throws(StorageError) in
            try files.removeStrays(in: path)
            // A run that died may have given names and not synced them: the log's description
            // must not be less durable than what follows from it.
            try files.createDirectories(path)
            try files.syncDirectory(path)
        }
        let (mark, markFile) = try openHighWatermark(path, log, files)
        let bases = try finishRetention(path, log, files, mark)
        guard let last = bases.last, last >= mark?.segmentBase ?? 0 else {
            throw TickLogError(
                .damaged,
                "the segment from offset \(mark?.segmentBase ?? 0) is missing; "
                    + "restore it from a copy", file: path)
        }
        try checkSealed(path, bases, log, files)
        let segment = try storage { () throws(StorageError) in
            try path.appending(SegmentHeader.fileName(last))
        }
        try storage { () throws(StorageError) in try files.openOwn(segment).dropCache() }
        let file = try SegmentFile(segment, baseOffset: last, log, files)
        // A seal that does not verify was being written when the machine went down: no segment
        // follows it yet, so nothing rests on it, and it goes as every torn tail does.
        if file.isSealed, let seal = try? file.seal() {
            let opened = try openSealed(file, seal, start: bases[0], mark, markFile, files)
            return try withJournals(opened, path, log, mark, files)
        }
        let opened = try openActive(file, start: bases[0], mark, markFile, files)
        return try withJournals(opened, path, log, mark, files)
    }

    /// Adds the rows that lie in journals, and checks that all that was durable is there.
    private static func withJournals(
        _ opened: consuming Opened, _ path: Path, _ log: LogDescription, _ mark: HighWatermark?,
        _ files: any FileSystem
    ) throws(TickLogError) -> Opened {
        let scan = try JournalScan(
            path, log, segmentEnd: opened.state.segmentEnd, chain: opened.state.segmentChain, mark,
            files)
        opened.staleJournals = scan.stale
        opened.recovery.bytesDropped += scan.bytesDropped
        opened.state.journals = scan.journals
        if let last = scan.journals.last {
            opened.state.endOffset = last.endOffset
            opened.state.durableOffset = last.endOffset
            opened.state.chain = last.chain
        }
        for journal in scan.journals {
            guard let producer = journal.producer else { continue }
            opened.state.producers[producer.id] = producer.position
        }
        return opened
    }

    /// The high watermark, `nil` when it does not verify, and its file, made anew when it is missing.
    private static func openHighWatermark(
        _ path: Path, _ log: LogDescription, _ files: any FileSystem
    ) throws(TickLogError) -> (HighWatermark?, any AppendFile) {
        try storage { () throws(StorageError) in
            let markPath = try path.appending(HighWatermark.fileName)
            guard try files.isTaken(markPath) else {
                return (nil, try files.openForAppend(markPath, createNew: true))
            }
            let bytes = try files.openOwn(markPath).readUpTo(HighWatermark.byteCount, at: 0)
            // Kept in place: readers have it open.
            return (
                HighWatermark(bytes, seed: log.seed),
                try files.openForAppend(markPath, createNew: false)
            )
        }
    }

    /// Removes segments that retention was about to remove; gives the bases of those that stay.
    private static func finishRetention(
        _ path: Path, _ log: LogDescription, _ files: any FileSystem, _ mark: HighWatermark?
    ) throws(TickLogError) -> [Int64] {
        let bases = try LogDirectory.segmentBases(path, files)
        guard let start = mark?.startOffset else { return bases }
        guard bases.contains(start) else {
            throw TickLogError(
                .damaged,
                "the segment from offset \(start) is missing; restore it from a copy", file: path)
        }
        for base in bases where base < start {
            try storage { () throws(StorageError) in
                try files.remove([path.appending(SegmentHeader.fileName(base))])
            }
        }
        return bases.filter { $0 >= start }
    }

    private static func checkSealed(
        _ path: Path, _ bases: [Int64], _ log: LogDescription, _ files: any FileSystem
    ) throws(TickLogError) {
        for (base, next) in zip(bases, bases.dropFirst()) {
            let segment = try storage { () throws(StorageError) in
                try path.appending(SegmentHeader.fileName(base))
            }
            let summary = try SegmentSummary.read(segment, baseOffset: base, log, files)
            guard summary.endOffset == next else {
                throw TickLogError.damaged(
                    "the segment ends at offset \(summary.endOffset), the next begins at \(next)",
                    file: segment, position: Int(summary.dataBytes))
            }
        }
    }

    private static func openSealed(
        _ file: SegmentFile, _ seal: SegmentSeal, start: Int64, _ mark: HighWatermark?,
        _ markFile: any AppendFile, _ files: any FileSystem
    ) throws(TickLogError) -> Opened {
        // The run that wrote the seal may have died before it synced it.
        try storage { () throws(StorageError) in
            let segment = try files.openForAppend(file.path, createNew: false)
            try segment.sync()
            try segment.close()
        }
        let state = State(
            file: markFile, header: file.header, writer: ArrowStreamWriter(file.log.schema),
            writtenBytes: seal.dataBytes, durableBytes: seal.dataBytes,
            endOffset: seal.endOffset, durableOffset: seal.endOffset, startOffset: start,
            generation: (mark?.generation ?? 0) + 1, chain: seal.last, groups: [],
            dataChecksum: ChecksumStream(), producers: seal.producers, failure: nil,
            segmentEnd: seal.endOffset, segmentChain: seal.last, segmentProducers: seal.producers)
        return Opened(
            state: state, recovery: TickLogRecovery(bytesDropped: 0, wasRewritten: false),
            markFile: markFile, needsSegment: true)
    }

    private static func openActive(
        _ file: SegmentFile, start: Int64, _ mark: HighWatermark?, _ markFile: any AppendFile,
        _ files: any FileSystem
    ) throws(TickLogError) -> Opened {
        let isCells = mark?.segmentBase == file.header.baseOffset
        let durableBytes = isCells ? Int(mark?.segmentBytes ?? 0) : file.headerBytes
        let scan = SegmentScan(file)
        try scan.refuseDamage(durableBytes: durableBytes)
        let dropped = file.source.count - scan.validBytes
        let wasRewritten = !isCells || dropped > 0 || scan.validBytes != durableBytes
        if wasRewritten {
            try storage { () throws(StorageError) in
                let staging = try files.beginStaging(file.path, mode: .replace)
                try staging.append(file.source.slice(0..<scan.validBytes).bytes)
                _ = try files.publish([staging.finish()])
            }
        }
        var checksum = ChecksumStream()
        // Piece by piece, so that a long segment is not in memory whole.
        for first in stride(from: 0, to: scan.validBytes, by: 1 << 22) {
            let piece = first..<min(scan.validBytes, first + (1 << 22))
            checksum.update(file.source.slice(piece).bytes)
            file.release(piece)
        }
        let appendFile = try storage { () throws(StorageError) in
            try files.openForAppend(file.path, createNew: false)
        }
        let end = scan.groups.last?.endOffset ?? file.header.baseOffset
        let chain = scan.groups.last?.chain ?? file.header.previous
        let state = State(
            file: appendFile, header: file.header, writer: ArrowStreamWriter(file.log.schema),
            writtenBytes: scan.validBytes, durableBytes: scan.validBytes, endOffset: end,
            durableOffset: end, startOffset: start, generation: (mark?.generation ?? 0) + 1,
            chain: chain, groups: scan.groups,
            dataChecksum: checksum, producers: scan.producers, failure: nil, segmentEnd: end,
            segmentChain: chain, segmentProducers: scan.producers)
        return Opened(
            state: state,
            recovery: TickLogRecovery(bytesDropped: Int64(dropped), wasRewritten: wasRewritten),
            markFile: markFile, needsSegment: false)
    }
}

/// What is valid in a segment that is not sealed.
struct SegmentScan {
    /// The groups of whole appends from the start on.
    private(set) var groups: [GroupEntry] = []
    /// Where these groups end.
    private(set) var validBytes: Int
    /// How far producers have come at `validBytes`.
    private(set) var producers: [String: String]
    /// The first fault; `nil` when all bytes are valid groups.
    private(set) var fault: SegmentFault?
    private let file: SegmentFile

    init(_ file: SegmentFile) {
        self.file = file
        validBytes = file.headerBytes
        producers = file.header.producers
        var walk = SegmentWalk(file, end: file.source.count)
        var open: [GroupEntry] = []
        do throws(SegmentFault) {
            while let group = try walk.next(verifying: true) {
                open.append(
                    GroupEntry(
                        group.header, position: group.range.lowerBound,
                        byteCount: group.range.count))
                if group.header.continues { continue }
                groups += open
                open = []
                validBytes = group.range.upperBound
                if let producer = group.header.producer {
                    producers[producer.id] = producer.position
                }
            }
            if walk.position < file.source.count {
                throw SegmentFault("an end marker without a seal", at: walk.position)
            }
            if !open.isEmpty { throw SegmentFault("an append without its end", at: validBytes) }
        } catch {
            fault = error
        }
    }

    /// Throws when the fault lies in bytes that were durable.
    func refuseDamage(durableBytes: Int) throws(TickLogError) {
        guard let fault else {
            guard validBytes >= durableBytes else {
                throw TickLogError.damaged(
                    "the segment has \(validBytes) bytes, \(durableBytes) were durable",
                    file: file.path, position: validBytes)
            }
            return
        }
        guard validBytes >= durableBytes else {
            throw TickLogError.damaged(fault.message, file: file.path, position: fault.position)
        }
        let end = groups.last?.endOffset ?? file.header.baseOffset
        guard let later = laterGroup(syncedBeyond: end) else { return }
        throw TickLogError.damaged(
            fault.message + " (the rows from offset \(later.baseOffset) say that everything "
                + "before \(later.syncedThrough) was durable)",
            file: file.path, position: fault.position)
    }

    /// A valid group behind the fault that was written when rows behind `offset` were durable.
    ///
    /// Messages start on multiples of 64 bytes with a continuation marker; only a group whose
    /// checksum fits counts, so stray bytes that look like one do not matter.
    private func laterGroup(syncedBeyond offset: Int64) -> GroupHeader? {
        let bytes = unsafe file.source.unsafeBytes
        var position = (validBytes + 63) / 64 * 64
        while position + 8 <= bytes.count {
            let marker = unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)
            if marker == .max, let group = try? LogRecordBatch(file.source, at: position),
                group.header.syncedThrough > offset, group.header.baseOffset > offset,
                (try? group.verify(seed: file.log.seed)) != nil
            {
                return group.header
            }
            position += 64
        }
        return nil
    }
}

// MARK: Mending for readers

extension TickLogWriter {
    /// Mends a log that nobody writes, so that readers see every row that is durable.
    ///
    /// After a loss of power the file `durable` may be older than the rows. Where a log has more
    /// bytes than it vouches for, and no writer, it is opened for writing and closed again.
    /// Whatever fails here is left as it is: what `durable` vouches for can be read all the same.
    ///
    /// - Parameters:
    ///   - path: the directory of the log.
    ///   - files: where it lies.
    public static func mend(_ path: Path, _ files: any FileSystem) {
        guard (try? files.lockHolder(path.appending(LogDirectory.lockName))) == nil,
            let log = try? LogDirectory.description(path, files),
            let bytes = try? files.readOwn(
                path.appending(HighWatermark.fileName), maxBytes: HighWatermark.byteCount),
            let last = try? LogDirectory.segmentBases(path, files).last,
            let info = try? files.info(path.appending(SegmentHeader.fileName(last)))
        else { return }
        let mark = HighWatermark(bytes, seed: log.seed)
        if mark?.segmentBase == last, mark?.segmentBytes == info.size,
            let journals = try? LogDirectory.journalBases(path, files),
            journals.last == mark?.journals?.base
        {
            guard let journal = mark?.journals else { return }
            let size = try? files.info(path.appending(JournalFile.fileName(journal.base)))?.size
            if size == journal.bytes { return }
        }
        if let writer = try? TickLogWriter(path, files) { try? writer.close() }
    }
}
