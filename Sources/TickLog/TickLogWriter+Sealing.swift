import Columnar
import Storage
import Synchronization

extension TickLogWriter {
    /// Closes the active segment and starts the next one; without rows in it, nothing happens.
    ///
    /// Everything appended so far is durable afterwards.
    public func seal() throws(TickLogError) {
        try maintenance.withLock { (_) throws(TickLogError) in
            try foldAllHoldingMaintenance()
            try state.withLock { (state) throws(TickLogError) in
                try check(state)
                try roll(&state)
            }
        }
    }

    /// Closes the active segment, whose rows end where the first journal begins, with the
    /// maintenance held.
    func roll(_ state: inout State) throws(TickLogError) {
        if state.groups.isEmpty { return }
        try sync(&state)
        let seal = SegmentSeal(
            baseOffset: state.header.baseOffset, endOffset: state.segmentEnd, groups: state.groups,
            dataBytes: state.writtenBytes, dataChecksum: state.dataChecksum.value,
            last: state.segmentChain, sealedAtMicros: time.nowMicros(),
            producers: state.segmentProducers, isCompressed: state.isCompressed
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

    /// Creates the segment that begins where the rows of segments end and makes it the active one.
    func startSegment(_ state: inout State) throws(TickLogError) {
        let header = SegmentHeader(
            baseOffset: state.segmentEnd, previous: state.segmentChain, last: nil,
            producers: state.segmentProducers)
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
        state.isCompressed = true
        state.dataChecksum = ChecksumStream()
        unsafe state.dataChecksum.update(bytes.span.bytes)
        state.generation += 1
    }
}
