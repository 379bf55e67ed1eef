import Columnar
import Storage
import Synchronization

/// A journal as its writer knows it.
struct OpenJournal: Sendable {
    let baseOffset: Int64
    let path: Path
    /// What its first frame follows.
    let chainBefore: UInt64
    /// `nil` when it was left by an earlier writer.
    let file: (any AppendFile)?

    var writtenBytes: Int
    var durableBytes: Int
    var endOffset: Int64
    /// The checksum of its last frame.
    var chain: UInt64
    /// Whose rows it has, and how far that is.
    var producer: ProducerPosition?
    /// Takes no more rows.
    var isClosed = false
}

extension TickLogWriter {
    /// Appends a few rows, encoded as a journal keeps them.
    ///
    /// Full journals are folded before: after a fold that fails nothing of the rows is in the log,
    /// so that whoever appends them again appends them once.
    func append(
        _ rows: [UInt8], of rowCount: Int, _ producer: ProducerPosition?, _ options: JournalOptions
    ) throws(TickLogError) -> Range<Int64> {
        let pendingMax = self.options.isMaintained ? options.pendingMax : 0
        if state.withLock({ $0.journals.count - 1 > pendingMax }) { try foldFull() }
        return try state.withLock { (state) throws(TickLogError) in
            try check(state)
            guard rowCount > 0 else { return state.endOffset..<state.endOffset }
            guard state.endOffset <= Int64.max - Int64(2 * JournalFrame.rowsMax) else {
                throw TickLogError(.invalidArgument, "the log's offsets are used up", file: path)
            }
            try openJournal(for: producer, options, &state)
            return try write(rows, of: rowCount, producer, &state)
        }
    }

    /// Makes sure that the last journal takes another frame of a producer.
    private func openJournal(
        for producer: ProducerPosition?, _ options: JournalOptions, _ state: inout State
    ) throws(TickLogError) {
        if let last = state.journals.last {
            let isOther = last.producer.map { producer != nil && producer?.id != $0.id } ?? false
            let isFull =
                last.writtenBytes >= options.bytesMax
                || last.endOffset - last.baseOffset >= Int64(options.rowsMax)
            if !isOther && !isFull && !last.isClosed { return }
        }
        // What a journal follows is durable, so that a tail is torn in the last one alone.
        try sync(&state)
        let (journal, file) = try createJournal(&state)
        let bytes = JournalFile.headBytes
        state.journals.append(
            OpenJournal(
                baseOffset: state.endOffset, path: journal, chainBefore: state.chain, file: file,
                writtenBytes: bytes, durableBytes: bytes, endOffset: state.endOffset,
                chain: state.chain))
        state.generation += 1
        try failing(&state) { (state) throws(TickLogError) in try publishDurable(&state) }
    }

    /// Creates the journal that begins where the log ends.
    private func createJournal(
        _ state: inout State
    ) throws(TickLogError) -> (Path, any AppendFile) {
        let head = JournalFile.head(
            baseOffset: state.endOffset, previous: state.chain, seed: log.seed)
        do throws(TickLogError) {
            return try storage { () throws(StorageError) in
                let journal = try path.appending(JournalFile.fileName(state.endOffset))
                // One that is there has no rows: making it failed before it could take any.
                try files.createAtomically(journal, mode: .replace, contents: head)
                return (journal, try files.openForAppend(journal, createNew: false))
            }
        } catch {
            guard error.code == .writerFailed else { throw error }
            try failing(&state) { (_) throws(TickLogError) in throw error }
            throw error
        }
    }

    /// Writes a frame behind the last journal's; all of it or nothing.
    private func write(
        _ rows: [UInt8], of rowCount: Int, _ producer: ProducerPosition?, _ state: inout State
    ) throws(TickLogError) -> Range<Int64> {
        let place = state.journals.count - 1
        let journal = state.journals[place]
        guard let file = journal.file else {
            preconditionFailure("what an earlier writer left takes no more rows")
        }
        let (bytes, checksum) = NewFrame(
            journalBase: journal.baseOffset, baseOffset: state.endOffset, rowCount: rowCount,
            syncedThrough: state.durableOffset, previous: state.chain, producer: producer,
            lastProducer: journal.producer
        ).encode(rows: rows, seed: log.seed)
        do throws(StorageError) {
            try file.write(bytes, at: Int64(journal.writtenBytes))
        } catch {
            let refused = TickLogError(error)
            try failing(&state) { (_) throws(TickLogError) in
                try storage { () throws(StorageError) in
                    try file.truncate(to: Int64(journal.writtenBytes))
                }
            }
            throw refused
        }
        let first = state.endOffset
        state.note(rowCount, producer, chain: checksum)
        state.journals[place].writtenBytes += bytes.count
        state.journals[place].endOffset = state.endOffset
        state.journals[place].chain = checksum
        state.journals[place].producer = producer ?? journal.producer
        return first..<state.endOffset
    }
}
