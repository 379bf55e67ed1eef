import Columnar
import Storage

/// A journal as a reader knows it; its file is mapped when it is first read.
struct ReaderJournal {
    let baseOffset: Int64
    var file: JournalFile?
    /// Where some of the frames begin, and with which offset: one in 4 KiB.
    var marks: [(offset: Int64, position: Int)] = []
    /// The frames known so far, all of them checked, end here.
    var endOffset: Int64
    var position = JournalFile.headBytes
    var chain: UInt64?

    static let bytesPerMark = 4_096

    init(baseOffset: Int64) {
        self.baseOffset = baseOffset
        endOffset = baseOffset
    }

    /// Where a frame begins that holds an offset or lies before it.
    func position(of offset: Int64) -> Int {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? marks[low - 1].position : JournalFile.headBytes
    }
}

extension TickLogReader {
    /// The most rows of a block of a journal.
    private static let blockRowsMax: Int64 = 1 << 14

    /// Plans the blocks of offsets that lie in journals.
    func planFrames(
        _ offsets: Range<Int64>, _ columns: [Int]?, _ rowsMax: Int, _ state: inout State,
        into plans: inout [LogBlockPlan]
    ) throws(TickLogError) {
        var next = offsets.lowerBound
        while next < offsets.upperBound {
            guard let index = state.journals.lastIndex(where: { $0.baseOffset <= next }) else {
                throw TickLogError.damaged("offset \(next) is missing", file: path, position: 0)
            }
            try load(journal: index, &state)
            let journal = state.journals[index]
            guard let file = journal.file, journal.endOffset > next else {
                throw TickLogError.damaged("offset \(next) is missing", file: path, position: 0)
            }
            let end = min(
                journal.endOffset, offsets.upperBound,
                next + min(Int64(rowsMax), Self.blockRowsMax))
            plans.append(
                LogBlockPlan(
                    offsets: next..<end,
                    place: .frames(file, position: journal.position(of: next)), columns: columns,
                    reader: self))
            next = end
        }
    }

    /// Maps a journal and checks the frames that are new.
    private func load(journal index: Int, _ state: inout State) throws(TickLogError) {
        let journal = state.journals[index]
        let isLast = index == state.journals.count - 1
        let end = isLast ? state.mark.endOffset : state.journals[index + 1].baseOffset
        if journal.file != nil, journal.endOffset == end { return }
        let name = JournalFile.fileName(journal.baseOffset)
        let journalPath = try storage { () throws(StorageError) in try path.appending(name) }
        let file = try JournalFile(
            journalPath, baseOffset: journal.baseOffset,
            byteCount: isLast ? Int(state.mark.journals?.bytes ?? 0) : nil, log, files)
        var known = journal
        known.file = file
        try extend(&known, file, to: end)
        state.journals[index] = known
    }

    private func extend(
        _ journal: inout ReaderJournal, _ file: JournalFile, to end: Int64
    ) throws(TickLogError) {
        var walk = JournalWalk(
            file, at: journal.position, offset: journal.endOffset,
            chain: journal.chain ?? file.previous)
        do throws(SegmentFault) {
            while walk.offset != end, let frame = try walk.frame() {
                let last = journal.marks.last?.position ?? 0
                if frame.range.lowerBound - last >= ReaderJournal.bytesPerMark {
                    journal.marks.append((frame.baseOffset, frame.range.lowerBound))
                }
                walk.pass(frame)
            }
            guard walk.offset == end else {
                throw SegmentFault(
                    "the journal ends at offset \(walk.offset ?? 0), \(end) is durable",
                    at: walk.position)
            }
        } catch {
            throw TickLogError.damaged(error.message, file: file.path, position: error.position)
        }
        journal.endOffset = end
        journal.position = walk.position
        journal.chain = walk.chain
    }

    /// Checks every durable byte of the journals; returns the checksum of the last frame.
    func verifyJournals(
        _ bases: [Int64], _ mark: HighWatermark, after chain: UInt64?, _ report: inout TickLogReport
    ) {
        var chain = chain
        for (index, base) in bases.enumerated() {
            let isLast = index == bases.count - 1
            do throws(TickLogError) {
                chain = try verify(
                    journal: base, to: isLast ? mark.endOffset : bases[index + 1],
                    byteCount: isLast ? mark.journals.map { Int($0.bytes) } : nil, chain, &report)
            } catch {
                report.faults.append(error)
                chain = nil
            }
        }
    }

    private func verify(
        journal base: Int64, to end: Int64, byteCount: Int?, _ chain: UInt64?,
        _ report: inout TickLogReport
    ) throws(TickLogError) -> UInt64? {
        let journalPath = try storage { () throws(StorageError) in
            try path.appending(JournalFile.fileName(base))
        }
        let file = try JournalFile(
            journalPath, baseOffset: base, byteCount: byteCount, log, files)
        report.bytes += Int64(file.source.count)
        var walk = JournalWalk(file)
        do throws(SegmentFault) {
            if let chain, chain != file.previous {
                throw SegmentFault("the journal does not follow the rows before it", at: 24)
            }
            while let frame = try walk.next(decoding: true) {
                report.groups += 1
                report.rows += Int64(frame.rowCount)
            }
            guard walk.offset == end else {
                throw SegmentFault("offsets up to \(end) are expected here", at: walk.position)
            }
        } catch {
            throw TickLogError.damaged(error.message, file: file.path, position: error.position)
        }
        return walk.chain
    }
}
