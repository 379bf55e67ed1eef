public import Columnar

extension GroupTable {
    /// Marks the rows of a delta that name removed keys.
    static let removedColumn = "removed"

    /// All groups as a table, sorted by `sortOrder`: key columns as `key.<name>`, then the
    /// accumulators' columns.
    ///
    /// - Throws: `.tooManyBytes` when the strings of a column do not fit in one.
    public func snapshot(
        _ workers: Workers = Workers()
    ) throws(KeyedStateError) -> RecordBatch {
        let slots = sorted(liveSlots)
        let keys = try keyFields.indices.map { (index) throws(KeyedStateError) in
            try keyColumn(index, at: slots)
        }
        let state = try stateColumns(at: slots, workers)
        return RecordBatch(snapshotSchema, keys + state, count: slots.count)
    }

    /// What changed since the last `markCommitted()`, besides `removedUpTo`: keys that were removed,
    /// in order of removal, then groups that were added or changed, sorted as in a snapshot.
    ///
    /// - Throws: `.tooManyBytes` when the strings of a column do not fit in one.
    public func delta(_ workers: Workers = Workers()) throws(KeyedStateError) -> RecordBatch {
        let changed = sorted(touchedSlots)
        let removed = removedKeys.count / table.width
        let count = removed + changed.count
        let slots = [Int32](repeating: -1, count: removed) + changed
        let flags = Bitmap(bitsFor: count) { $0 < removed }
        let keys = try keyFields.indices.map { (index) throws(KeyedStateError) in
            try keyColumn(index, after: removedKeys, at: changed)
        }
        let state = try stateColumns(at: slots, workers)
        return RecordBatch(deltaSchema, [Column(bits: flags)] + keys + state, count: count)
    }

    /// The accumulators' columns for some slots; -1 stands for nulls.
    private func stateColumns(
        at slots: [Int32], _ workers: Workers
    ) throws(KeyedStateError) -> [Column] {
        // Safe to share: nothing of the state changes before all threads are done.
        nonisolated(unsafe) let (columns, strings) = (columns, strings)
        return try unsafe workers.sharing(rows: slots.count).map(columns.count) {
            (index) throws(KeyedStateError) in
            try unsafe columns[index].column(at: slots, strings)
        }
    }

    /// The columns of a snapshot.
    public var snapshotSchema: Schema {
        Schema(
            keyFields.map { Field("key.\($0.name)", $0.type, isNullable: $0.isNullable) }
                + columns.map(\.field))
    }

    /// The columns of a delta: `removed`, and those of a snapshot.
    public var deltaSchema: Schema {
        // A removed key has no accumulators.
        Schema(
            [Field(Self.removedColumn, .boolean, isNullable: false)]
                + keyFields.map { Field("key.\($0.name)", $0.type, isNullable: $0.isNullable) }
                + columns.map { Field($0.field.name, $0.field.type, isNullable: true) })
    }

    /// Removes, adds or changes the groups of a table with this state's snapshot or delta schema;
    /// all groups that end at `removedUpTo` or before are removed, too.
    public func apply(_ rows: RecordBatch, removedUpTo: Int64?) throws(KeyedStateError) {
        let isDelta = rows.schema == deltaSchema
        precondition(isDelta || rows.schema == snapshotSchema, "rows of this state's schema")
        let keys = Array(rows.columns[(isDelta ? 1 : 0)...].prefix(keyFields.count))
        let state = rows.columns.suffix(columns.count)
        let removed = isDelta ? rows.columns[0].bits : nil
        let first = removed.map { removed in
            (0..<rows.count).first { !removed[$0] } ?? rows.count
        }
        for row in 0..<(first ?? 0) {
            encodeKey(keys, row: row)
            let slot = find()
            guard slot >= 0 else {
                throw KeyedStateError(
                    .fileCorrupt, "it removes a key that the state before it does not have")
            }
            remove([slot])
        }
        if let removedUpTo { remove(slots(upTo: removedUpTo), upTo: removedUpTo) }
        for row in (first ?? 0)..<rows.count {
            encodeKey(keys, row: row)
            if let removed, removed[row] {
                throw KeyedStateError(.fileCorrupt, "it removes a key after it has added others")
            }
            let slot = try findOrInsert().slot
            for (column, values) in zip(columns, state) {
                column.set(slot, to: values, row: row, strings)
            }
        }
        markCommitted()
    }

    /// The live slots whose value in the first column is at most `bound`, ascending.
    private func slots(upTo bound: Int64) -> [Int32] {
        guard let ends = columns.first, ends.field.type.layout == .int64 else { return [] }
        let values = unsafe ends.pointer(as: Int64.self)
        // Safe: a live slot lies within the column.
        return liveSlots.filter { unsafe values[Int($0)] <= bound }
    }
}
