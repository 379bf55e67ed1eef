import Columnar
import Storage
import Synchronization

// Folding a journal, which is full and durable:
//
// 1. Its rows become compressed groups behind those of the active segment, linked as one append: a
//    crash leaves all of them or none. The last one has `last`, the checksum of the journal's last
//    frame, so that the journal after it still follows.
// 2. The segment is synced.
// 3. The high watermark says so: from here on readers find the rows in the segment.
// 4. The journal is removed. One that a crash brings back begins before the segment's end, which
//    tells that it was folded.

extension TickLogWriter {
    /// Compression of what was in journals, and of segments that are written anew.
    static let compressionLevel = 3

    /// Makes everything that is in journals part of a segment, durably.
    func foldAll() throws(TickLogError) {
        try maintenance.withLock { (_) throws(TickLogError) in try foldAllHoldingMaintenance() }
    }

    func foldAllHoldingMaintenance() throws(TickLogError) {
        while let journal = try nextToFold(withLast: true) { try fold(journal) }
    }

    /// Folds the journals that take no more rows.
    func foldFull() throws(TickLogError) {
        try maintenance.withLock { (_) throws(TickLogError) in
            while let journal = try nextToFold(withLast: false) { try fold(journal) }
        }
    }

    /// Folds the oldest journal that takes no more rows.
    ///
    /// - Returns: whether there was one.
    /// - Throws: `.noSpace` when the disk is full: the journal stays as it is, for another try.
    public func foldNext() throws(TickLogError) -> Bool {
        try maintenance.withLock { (_) throws(TickLogError) in
            guard let journal = try nextToFold(withLast: false) else { return false }
            try fold(journal)
            return true
        }
    }

    /// How many journals take no more rows and wait to be folded.
    public var fullJournals: Int { state.withLock { max(0, $0.journals.count - 1) } }

    /// The oldest journal, durable; without `withLast` only one that takes no more rows.
    func nextToFold(withLast: Bool) throws(TickLogError) -> OpenJournal? {
        try state.withLock { (state) throws(TickLogError) in
            guard state.journals.count > (withLast ? 0 : 1) else { return nil }
            try check(state)
            // The others were made durable before the next one was begun.
            if state.journals.count == 1 {
                if state.journals[0].endOffset == state.journals[0].baseOffset {
                    try drop(state.journals[0], &state)
                    return nil
                }
                state.journals[0].isClosed = true
                try sync(&state)
            }
            return state.journals[0]
        }
    }

    /// Takes the oldest journal, whose rows are in a segment or which has none, out of use.
    private func drop(_ journal: OpenJournal, _ state: inout State) throws(TickLogError) {
        try failing(&state) { (state) throws(TickLogError) in
            if let file = journal.file {
                try storage { () throws(StorageError) in try file.close() }
            }
            state.journals.removeFirst()
            state.generation += 1
            try publishDurable(&state)
        }
        // Not synced: only who names files hears of a directory's failed sync.
        try storage { () throws(StorageError) in try files.removeWithoutSync([journal.path]) }
    }

    /// Folds the oldest journal, with the maintenance held.
    func fold(_ journal: OpenJournal) throws(TickLogError) {
        let isEmpty = journal.endOffset == journal.baseOffset
        let folded = isEmpty ? nil : try writeGroups(of: journal)
        try state.withLock { (state) throws(TickLogError) in
            try check(state)
            if let folded { state.take(folded, of: journal) }
            try drop(journal, &state)
            if state.writtenBytes >= options.segmentBytesMax, !state.groups.isEmpty {
                try roll(&state)
            }
        }
    }

    /// What was written of a journal behind the active segment's groups.
    struct Folded {
        var groups: [GroupEntry] = []
        var bytes: [[UInt8]] = []
    }

    /// Writes and syncs a journal's rows as groups; after a failure nothing of them is left.
    private func writeGroups(of journal: OpenJournal) throws(TickLogError) -> Folded {
        let source = try JournalFile(
            journal.path, baseOffset: journal.baseOffset, byteCount: journal.writtenBytes, log,
            files)
        let rows = try source.rows(
            journal.baseOffset..<journal.endOffset, from: JournalFile.headBytes, columns: nil)
        let (file, start) = state.withLock { ($0.file, $0.writtenBytes) }
        let folded = encode(rows, journal, at: start)
        var position = start
        do throws(StorageError) {
            for bytes in folded.bytes {
                try file.write(bytes, at: Int64(position))
                position += bytes.count
            }
        } catch {
            let refused = TickLogError(error)
            try state.withLock { (state) throws(TickLogError) in
                try failing(&state) { (_) throws(TickLogError) in
                    try storage { () throws(StorageError) in try file.truncate(to: Int64(start)) }
                }
            }
            throw refused
        }
        do throws(StorageError) {
            try file.sync()
        } catch {
            let cause = TickLogError(error)
            try state.withLock { (state) throws(TickLogError) in
                try failing(&state) { (_) throws(TickLogError) in throw cause }
            }
        }
        return folded
    }

    private func encode(_ rows: RecordBatch, _ journal: OpenJournal, at start: Int) -> Folded {
        let writer = ArrowStreamWriter(
            log.schema, compression: .zstd(level: Self.compressionLevel))
        var folded = Folded()
        var chain = journal.chainBefore
        var position = start
        for first in stride(from: 0, to: rows.count, by: options.groupRowsMax) {
            let range = first..<min(rows.count, first + options.groupRowsMax)
            let part = rows.slice(range)
            let isLast = range.upperBound == rows.count
            var header = GroupHeader(
                baseOffset: journal.baseOffset + Int64(first), rowCount: range.count,
                times: part.times(inColumn: log.timeIndex), syncedThrough: journal.baseOffset,
                previous: chain, continues: !isLast, producer: isLast ? journal.producer : nil,
                last: isLast ? journal.chain : nil)
            let bytes = LogRecordBatch.encode(part, &header, writer, seed: log.seed)
            folded.groups.append(GroupEntry(header, position: position, byteCount: bytes.count))
            folded.bytes.append(bytes)
            position += bytes.count
            chain = header.checksum
        }
        return folded
    }

    /// Makes what earlier writers left in journals part of the segment.
    ///
    /// Then readers are told how far the log is durable. `stale` journals were folded before.
    func takeInJournals(_ stale: [Path]) throws(TickLogError) {
        let left = state.withLock { $0.journals }
        for journal in left { try fold(journal) }
        try state.withLock { (state) throws(TickLogError) in try publishDurable(&state) }
        if !stale.isEmpty { try storage { () throws(StorageError) in try files.remove(stale) } }
    }
}

extension TickLogWriter.State {
    /// Takes in that a journal's rows are part of the active segment, durably.
    mutating func take(_ folded: TickLogWriter.Folded, of journal: OpenJournal) {
        for bytes in folded.bytes {
            unsafe dataChecksum.update(bytes.span.bytes)
            writtenBytes += bytes.count
        }
        durableBytes = writtenBytes
        groups += folded.groups
        segmentEnd = journal.endOffset
        segmentChain = journal.chain
        if let producer = journal.producer { segmentProducers[producer.id] = producer.position }
    }
}
