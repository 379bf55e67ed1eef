public import Columnar

extension RowTable {
    // MARK: Letting go

    /// Removes distinct rows.
    public func remove(_ slots: [Int32]) {
        refresh()
        for slot in slots { unlink(slot) }
        table.remove(table.sorted(slots))
    }

    /// Removes all rows with an event time at or before `time`.
    ///
    /// What a commit has to remember of it is the time.
    public func evict(upTo time: EventTime) {
        table.remove(unlinkFirst { place(after: time, in: $0) }.sorted(), upTo: time.micros)
    }

    /// Removes, of each key, all rows with an event time at or before `time` but the last of them.
    public func evictAllButLast(upTo time: EventTime) {
        table.remove(table.sorted(unlinkFirst { max(0, place(after: time, in: $0) - 1) }))
    }

    /// How many of the rows of a key have an event time at or before `time`.
    func place(after time: EventTime, in slots: [Int32]) -> Int {
        slots.partition { positions[Int($0)].time <= time }
    }

    /// Takes the first rows of each key, as many as `count` says, out of the index.
    private func unlinkFirst(_ count: (_ slots: [Int32]) -> Int) -> [Int32] {
        refresh()
        var gone: [Int32] = []
        for entry in slotsOfEntry.indices where !slotsOfEntry[entry].isEmpty {
            let count = count(slotsOfEntry[entry])
            guard count > 0 else { continue }
            gone += slotsOfEntry[entry].prefix(count)
            slotsOfEntry[entry].removeFirst(count)
            if slotsOfEntry[entry].isEmpty { index.remove(Int32(entry)) }
        }
        return gone
    }
}

extension RowTable: StateTable {
    /// Bytes that the rows take in memory, about.
    public var memoryBytes: Int {
        table.memoryBytes + positions.count * (MemoryLayout<RowPosition>.stride + 8)
    }

    /// The columns of a snapshot: key columns, lane and offset, event time, columns of the rows.
    public var snapshotSchema: Schema { table.snapshotSchema }

    /// The columns of a delta: `removed`, and those of a snapshot.
    public var deltaSchema: Schema { table.deltaSchema }

    /// The event time that `evict(upTo:)` reached since the last `markCommitted()`.
    public var removedUpTo: Int64? { table.removedUpTo }

    /// All rows, sorted by key, lane and offset.
    public func snapshot(_ workers: Workers) throws(KeyedStateError) -> RecordBatch {
        try table.snapshot(workers)
    }

    /// What changed since the last `markCommitted()`.
    public func delta(_ workers: Workers) throws(KeyedStateError) -> RecordBatch {
        try table.delta(workers)
    }

    /// Makes the recorded changes.
    public func apply(_ rows: RecordBatch, removedUpTo: Int64?) throws(KeyedStateError) {
        try table.apply(rows, removedUpTo: removedUpTo)
    }

    /// Forgets what changed.
    public func markCommitted() { table.markCommitted() }

    /// Removes everything.
    public func removeAll() { table.removeAll() }
}
