public import Columnar
import Storage
import Synchronization

extension TickLogWriter {
    /// Appends rows; they are durable, and seen by readers, after `sync()`.
    ///
    /// All rows of one append and the producer's position are stored together or not at all.
    ///
    /// - Parameters:
    ///   - batch: the rows, with the log's schema.
    ///   - producer: how far the feed has come with these rows.
    /// - Returns: the offsets of the rows.
    /// - Throws: `.schemaMismatch` for a batch of another schema; `.noSpace` when the disk is
    ///   full: nothing of this batch is kept, earlier appends are, and appending may be tried again.
    @discardableResult
    public func append(
        _ batch: RecordBatch, producer: ProducerPosition? = nil
    ) throws(TickLogError) -> Range<Int64> {
        try validate(batch, producer)
        if let journal = options.journal, batch.count < journal.appendRowsMax {
            let rows = JournalRows.encode(batch)
            if rows.count < journal.bytesMax / 4 {
                return try append(rows, of: batch.count, producer, journal)
            }
        }
        while true {
            let offsets = try maintenance.withLock { (_) throws(TickLogError) in
                try foldAllHoldingMaintenance()
                return try state.withLock { (state) throws(TickLogError) -> Range<Int64>? in
                    try check(state)
                    // A small append of another thread may have come in between.
                    guard state.journals.isEmpty else { return nil }
                    if batch.count == 0 { return state.endOffset..<state.endOffset }
                    if state.writtenBytes >= options.segmentBytesMax, !state.groups.isEmpty {
                        try roll(&state)
                    }
                    return try write(batch, producer, &state)
                }
            }
            if let offsets { return offsets }
        }
    }

    /// Makes everything appended so far durable, then lets readers see it.
    ///
    /// - Returns: the offset after the last durable row.
    /// - Throws: `.writerFailed` when the device fails; this writer then takes nothing any more,
    ///   and what is durable is found out when the log is opened again.
    @discardableResult
    public func sync() throws(TickLogError) -> Int64 {
        try state.withLock { (state) throws(TickLogError) in
            try check(state)
            try sync(&state)
            return state.durableOffset
        }
    }

    func sync(_ state: inout State) throws(TickLogError) {
        if state.durableOffset == state.endOffset { return }
        try failing(&state) { (state) throws(TickLogError) in
            try storage { () throws(StorageError) in
                // A journal is begun when the segment is durable, so that one of them is at most.
                if state.durableBytes != state.writtenBytes {
                    try state.file.sync()
                    state.durableBytes = state.writtenBytes
                }
                if let last = state.journals.last, last.durableBytes != last.writtenBytes {
                    try last.file?.sync()
                    state.journals[state.journals.count - 1].durableBytes = last.writtenBytes
                }
            }
            state.durableOffset = state.endOffset
            try publishDurable(&state)
        }
    }

    /// Runs work whose failure leaves unknown what is on disk: the writer stops with it.
    func failing(
        _ state: inout State, _ work: (inout State) throws(TickLogError) -> Void
    ) throws(TickLogError) {
        do throws(TickLogError) {
            try work(&state)
        } catch {
            state.failure = TickLogError(
                .writerFailed,
                "the writer stopped: \(error.message); open the log again to go on",
                file: path, cause: error.cause)
            throw error
        }
    }

    private func validate(
        _ batch: RecordBatch, _ producer: ProducerPosition?
    ) throws(TickLogError) {
        guard batch.schema == log.schema else {
            throw TickLogError(
                .schemaMismatch,
                "the batch has the columns (\(batch.schema)), the log has (\(log.schema))",
                file: path)
        }
        for (field, column) in zip(batch.schema.fields, batch.columns)
        where !field.isNullable && column.nullCount > 0 {
            throw TickLogError(
                .schemaMismatch,
                "the column '\(field.name)' of the log is NOT NULL, the batch has "
                    + "\(column.nullCount) nulls in it", file: path)
        }
        if let producer { try validate(producer) }
    }

    func validate(_ producer: ProducerPosition) throws(TickLogError) {
        guard !producer.id.isEmpty, producer.id.utf8.count <= ProducerPosition.idBytesMax,
            producer.position.utf8.count <= ProducerPosition.positionBytesMax
        else {
            throw TickLogError(
                .invalidArgument,
                "a producer's id has 1…\(ProducerPosition.idBytesMax) bytes, its position at most "
                    + "\(ProducerPosition.positionBytesMax)", file: path)
        }
    }

    /// Writes a batch as groups behind what is written; all of it or nothing.
    private func write(
        _ batch: RecordBatch, _ producer: ProducerPosition?, _ state: inout State
    ) throws(TickLogError) -> Range<Int64> {
        guard state.endOffset <= Int64.max - Int64(batch.count) else {
            throw TickLogError(.invalidArgument, "the log's offsets are used up", file: path)
        }
        var groups: [GroupEntry] = []
        var chain = state.chain
        var position = state.writtenBytes
        // Bytes taken into a checksum cannot be taken out again: it sees them once all are written.
        var written: [[UInt8]] = []
        var row = 0
        while row < batch.count {
            let rows = row..<min(batch.count, row + options.groupRowsMax)
            let part = rows.count == batch.count ? batch : batch.slice(rows)
            let isLast = rows.upperBound == batch.count
            var header = GroupHeader(
                baseOffset: state.endOffset + Int64(row), rowCount: rows.count,
                times: part.times(inColumn: log.timeIndex), syncedThrough: state.durableOffset,
                previous: chain, continues: !isLast, producer: isLast ? producer : nil)
            let bytes = LogRecordBatch.encode(part, &header, state.writer, seed: log.seed)
            try put(bytes, at: position, &state)
            groups.append(GroupEntry(header, position: position, byteCount: bytes.count))
            written.append(bytes)
            position += bytes.count
            chain = header.checksum
            row = rows.upperBound
        }
        for bytes in written { unsafe state.dataChecksum.update(bytes.span.bytes) }
        state.writtenBytes = position
        state.groups += groups
        state.isCompressed = false
        let first = state.endOffset
        state.note(batch.count, producer, chain: chain)
        state.segmentEnd = state.endOffset
        state.segmentChain = chain
        state.segmentProducers = state.producers
        return first..<state.endOffset
    }

    /// Writes bytes behind what is written; after a failure everything behind the last whole
    /// append is cut off again, so that appending can go on when there is space.
    func put(
        _ bytes: [UInt8], at position: Int, _ state: inout State
    ) throws(TickLogError) {
        do throws(StorageError) {
            try state.file.write(bytes, at: Int64(position))
        } catch {
            let refused = TickLogError(error)
            try failing(&state) { (state) throws(TickLogError) in
                try storage { () throws(StorageError) in
                    try state.file.truncate(to: Int64(state.writtenBytes))
                }
            }
            throw refused
        }
    }
}

extension TickLogWriter.State {
    /// Takes in what was written behind all rows.
    mutating func note(_ rowCount: Int, _ producer: ProducerPosition?, chain: UInt64) {
        self.chain = chain
        endOffset += Int64(rowCount)
        if let producer {
            producers[producer.id] = producer.position
            rowless.entries[producer.id] = nil
        }
    }
}
