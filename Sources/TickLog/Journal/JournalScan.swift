import Columnar
import Storage

/// What opening a log for writing finds in its journals.
struct JournalScan {
    /// Journals with rows behind those of the segments, durable now, oldest first.
    private(set) var journals: [OpenJournal] = []
    /// Journals that were folded, and perhaps removed, before.
    private(set) var stale: [Path] = []
    /// Bytes of a torn append that are not taken.
    private(set) var bytesDropped: Int64 = 0

    /// Reads the journals behind a segment's end from the device.
    ///
    /// - Throws: `.damaged` when rows that were durable are not there: nothing is changed then.
    init(
        _ directory: Path, _ log: LogDescription, segmentEnd: Int64, chain: UInt64,
        _ mark: HighWatermark?, _ files: any FileSystem
    ) throws(TickLogError) {
        var end = segmentEnd
        var chain = chain
        let bases = try LogDirectory.journalBases(directory, files)
        for base in bases {
            let path = try storage { () throws(StorageError) in
                try directory.appending(JournalFile.fileName(base))
            }
            guard base >= segmentEnd else {
                stale.append(path)
                continue
            }
            guard base == end else {
                throw TickLogError.damaged(
                    "the journal begins at offset \(base), the rows before it end at \(end)",
                    file: path, position: 0)
            }
            try storage { () throws(StorageError) in try files.openOwn(path).dropCache() }
            let file = try JournalFile(path, baseOffset: base, log, files)
            guard file.previous == chain else {
                throw TickLogError.damaged(
                    "the journal follows rows with the checksum \(Checksum.hex(file.previous)), "
                        + "before it are rows with \(Checksum.hex(chain))", file: path, position: 24
                )
            }
            let durable = mark?.journals.map { $0.base == base ? Int($0.bytes) : 0 } ?? 0
            let journal = try scan(file, isLast: base == bases.last, durableBytes: durable)
            try storage { () throws(StorageError) in
                let synced = try files.openForAppend(path, createNew: false)
                try synced.sync()
                try synced.close()
            }
            journals.append(journal)
            end = journal.endOffset
            chain = journal.chain
        }
        guard end >= mark?.endOffset ?? 0 else {
            throw TickLogError.damaged(
                "the log ends at offset \(end), rows up to \(mark?.endOffset ?? 0) were durable",
                file: directory, position: 0)
        }
    }

    private mutating func scan(
        _ file: JournalFile, isLast: Bool, durableBytes: Int
    ) throws(TickLogError) -> OpenJournal {
        var walk = JournalWalk(file)
        do throws(SegmentFault) {
            while try walk.next(decoding: true) != nil {}
        } catch {
            // Only the end of the last journal may be torn: what is before was synced.
            guard isLast, walk.position >= durableBytes,
                !file.hasFrame(behind: walk.position, syncedBeyond: walk.offset ?? 0)
            else {
                throw TickLogError.damaged(error.message, file: file.path, position: error.position)
            }
            bytesDropped += Int64(file.source.count - walk.position)
        }
        guard walk.position >= durableBytes else {
            throw TickLogError.damaged(
                "the journal has \(walk.position) bytes, \(durableBytes) were durable",
                file: file.path, position: walk.position)
        }
        return OpenJournal(
            baseOffset: file.baseOffset, path: file.path, chainBefore: file.previous, file: nil,
            writtenBytes: walk.position, durableBytes: walk.position,
            endOffset: walk.offset ?? file.baseOffset, chain: walk.chain ?? file.previous,
            producer: walk.producer, isClosed: true)
    }
}

extension JournalFile {
    /// Whether behind a fault a valid frame lies that was written when rows behind `offset` were
    /// durable: then the fault is damage.
    ///
    /// Frames begin anywhere; only one whose checksum fits counts.
    func hasFrame(behind fault: Int, syncedBeyond offset: Int64) -> Bool {
        var position = fault + 1
        while position + JournalFrame.bytesMin <= source.count {
            if JournalFrame.isPlausible(source, at: position),
                let frame = try? JournalFrame(
                    source, at: position, end: source.count, journalBase: baseOffset, seed: log.seed
                ),
                frame.syncedThrough > offset, frame.baseOffset > offset
            {
                return true
            }
            position += 1
        }
        return false
    }
}
