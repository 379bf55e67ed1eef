public import Columnar

/// State of many rows a key: those of a stream that a later row of another stream, or the watermark,
/// will ask for.
///
/// The rows of a key have the order of their positions. They are kept as a ``GroupTable`` whose key
/// is (key columns, lane, offset), which no two rows have in common, and whose first column is the
/// event time; so what a batch changed, snapshots and restoring are that table's.
///
/// Invariants:
/// - `slotsOfEntry[entry]` has the live slots of the rows of one key in the order of their
///   positions; `index` has the key's words for the entry, `entryOfSlot[slot]` is it.
/// - `positions[slot]` is the position of a live slot's row.
/// - these hold while `strings` are the table's; otherwise they are made anew.
///
/// Not thread-safe.
@safe public final class RowTable {
    /// The rows of one key, as `rows(of:row:)` finds them; valid until the table changes.
    public struct KeyRows {
        /// The slots of the rows in the order of their positions.
        public let slots: [Int32]
        fileprivate let positions: [RowPosition]

        /// How many of the rows come before a position; `orAt` counts the one that stands there.
        ///
        /// - Complexity: O(log *n*), where *n* is the number of rows.
        public func count(before position: RowPosition, orAt includesEqual: Bool = false) -> Int {
            slots.partition { slot in
                let found = positions[Int(slot)]
                return found < position || includesEqual && found == position
            }
        }

        /// How many of the rows have an event time before `time`; `orAt` counts those at it.
        ///
        /// - Complexity: O(log *n*), where *n* is the number of rows.
        public func count(before time: EventTime, orAt includesEqual: Bool = false) -> Int {
            slots.partition { slot in
                let found = positions[Int(slot)].time
                return found < time || includesEqual && found == time
            }
        }

        /// The rows with these event times, as a part of `slots`.
        public func slots(in times: ClosedRange<EventTime>) -> ArraySlice<Int32> {
            slots[count(before: times.lowerBound)..<count(before: times.upperBound, orAt: true)]
        }
    }

    // Set once.
    /// The columns of the key.
    public let keyFields: [Field]
    /// The columns of the rows.
    public let rowSchema: Schema
    let table: GroupTable
    private let laneKey: Int
    private let offsetKey: Int

    // Changing.
    let index: WordTable
    var slotsOfEntry: [[Int32]] = []
    private var entryOfSlot: [Int32] = []
    private(set) var positions: [RowPosition] = []
    private var strings: StateStrings

    /// A table without rows.
    ///
    /// - Parameters:
    ///   - keys: the key columns; names must be unique.
    ///   - rows: the columns of the rows; names must be unique.
    ///   - rowsMax: the most rows; one more is an error that names `maxStateRows`.
    ///   - bytesMax: the most memory; more is an error that names `maxStateBytes`.
    public init(keys: [Field], rows: Schema, rowsMax: Int, bytesMax: Int = .max) {
        keyFields = keys
        rowSchema = rows
        laneKey = keys.count
        offsetKey = laneKey + Lane.fieldCount
        let lane = Lane.fields(behind: keys)
        var offset = "row.offset"
        while keys.contains(where: { $0.name == offset }) { offset += "_" }
        table = GroupTable(
            keys: keys + lane + [Field(offset, .long, isNullable: false)],
            state: [Field("row.time", .timestamp, isNullable: false)]
                + rows.fields.enumerated().map { Field("value\($0).\($1.name)", $1.type) },
            rowsMax: rowsMax, bytesMax: bytesMax)
        index = WordTable(width: table.wordOffsets[laneKey])
        strings = table.strings
    }

    /// The number of rows.
    public var count: Int { table.count }

    /// How many rows were added since the last `markCommitted()` and are still there.
    public var touchedCount: Int { table.touchedCount }

    /// The position of a live slot's row.
    public func position(_ slot: Int32) -> RowPosition {
        precondition(table.isLive(slot), "no row has the slot")
        return positions[Int(slot)]
    }
}

extension RowTable {
    // MARK: Writing and finding

    /// Adds a row; one at the same lane and offset under the key takes its new values.
    ///
    /// - Parameters:
    ///   - keys: the key columns of a batch.
    ///   - values: the batch's columns under `rowSchema`.
    ///   - row: the row of both.
    ///   - position: the row's.
    /// - Returns: the slot of the row.
    /// - Throws: `.tooManyRows`, `.tooManyBytes`.
    @discardableResult
    public func put(
        keys: [Column], values: [Column], row: Int, at position: RowPosition
    ) throws(KeyedStateError) -> Int32 {
        precondition(keys.count == keyFields.count, "a value for each key column")
        precondition(values.count == rowSchema.count, "a value for each column of the rows")
        refresh()
        table.encodeKey(keys, row: row)
        table.setLane(laneKey, to: position.lane)
        table.setKey(offsetKey, to: position.offset)
        let (slot, existed) = try table.findOrInsert()
        // Safe: the slot is live.
        unsafe table.columns[0].pointer(as: Int64.self)[Int(slot)] = position.time.micros
        for (column, value) in zip(table.columns.dropFirst(), values) {
            column.set(slot, to: value, row: row, table.strings)
        }
        if existed { unlink(slot) }
        link(slot, entry(), at: position)
        return slot
    }

    /// The rows of a key; without any for a key that has a null where `nullsMatch` is false, as in
    /// SQL's joins.
    public func rows(of keys: [Column], row: Int, nullsMatch: Bool = true) -> KeyRows {
        refresh()
        let none = KeyRows(slots: [], positions: [])
        if !nullsMatch, keys.contains(where: { $0.isNull(row) }) { return none }
        table.encodeKey(keys, row: row)
        let entry = unsafe withKeyWords { unsafe index.find($0) }
        return entry < 0
            ? none : KeyRows(slots: slotsOfEntry[Int(entry)], positions: positions)
    }

    /// The rows with an event time at or before `time`, in the order of their positions, then of
    /// their keys.
    public func slots(upTo time: EventTime) -> [Int32] {
        refresh()
        let found = slotsOfEntry.flatMap { $0.prefix(place(after: time, in: $0)) }
        // By key first, so that rows of one position have an order, too.
        return table.sorted(found).enumerated().sorted { left, right in
            let (a, b) = (positions[Int(left.element)], positions[Int(right.element)])
            return a != b ? a < b : left.offset < right.offset
        }.map(\.element)
    }

    /// The rows in some live slots under `rowSchema`; -1 stands for a row of nulls.
    ///
    /// - Throws: `.tooManyBytes` when the strings of a column do not fit in one.
    public func values(at slots: [Int32]) throws(KeyedStateError) -> RecordBatch {
        var columns: [Column] = []
        for column in table.columns.dropFirst() {
            columns.append(try column.column(at: slots, table.strings))
        }
        let fields = rowSchema.fields.map { Field($0.name, $0.type) }
        return RecordBatch(Schema(fields), columns, count: slots.count)
    }

    /// The key columns of the rows in some live slots.
    ///
    /// - Throws: `.tooManyBytes` when the strings of a column do not fit in one.
    public func keys(at slots: [Int32]) throws(KeyedStateError) -> [Column] {
        try keyFields.indices.map { (index) throws(KeyedStateError) in
            try table.keyColumn(index, at: slots)
        }
    }
}

extension RowTable {
    // MARK: Index

    /// Makes the index anew if the table's keys were renumbered or restored.
    func refresh() {
        guard strings !== table.strings else { return }
        strings = table.strings
        index.removeAll()
        slotsOfEntry = []
        let times = unsafe table.columns[0].pointer(as: Int64.self)
        for slot in table.liveSlots {
            table.encodeKey(of: slot)
            // Safe: the slot is live.
            let position = RowPosition(
                time: EventTime(micros: unsafe times[Int(slot)]),
                lane: table.lane(slot, laneKey), offset: table.key(slot, offsetKey) ?? 0)
            link(slot, entry(), at: position)
        }
    }

    /// The entry of the encoded key, whatever its lane and offset.
    private func entry() -> Int32 {
        let (entry, _) = unsafe withKeyWords { unsafe index.findOrInsert($0) }
        while slotsOfEntry.count <= Int(entry) { slotsOfEntry.append([]) }
        return entry
    }

    /// Calls `body` with the words of the encoded key's key columns.
    private func withKeyWords<Result>(_ body: (UnsafePointer<UInt64>) -> Result) -> Result {
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: index.width) { words in
            guard let first = words.baseAddress else { preconditionFailure("a key has words") }
            unsafe first.update(from: table.encodedKey, count: index.width)
            // The other key columns are null, or not.
            unsafe first[0] &= 1 << UInt64(laneKey) - 1
            return unsafe body(UnsafePointer(first))
        }
    }

    private func link(_ slot: Int32, _ entry: Int32, at position: RowPosition) {
        let nowhere = RowPosition(time: EventTime(micros: 0), lane: Lane(source: 0), offset: 0)
        while positions.count <= Int(slot) {
            positions.append(nowhere)
            entryOfSlot.append(-1)
        }
        positions[Int(slot)] = position
        entryOfSlot[Int(slot)] = entry
        slotsOfEntry[Int(entry)].insert(slot, at: place(of: position, in: Int(entry)))
    }

    func unlink(_ slot: Int32) {
        let entry = Int(entryOfSlot[Int(slot)])
        let place = place(of: positions[Int(slot)], in: entry)
        precondition(slotsOfEntry[entry][place] == slot, "a row stands where its position says")
        slotsOfEntry[entry].remove(at: place)
        if slotsOfEntry[entry].isEmpty { index.remove(Int32(entry)) }
    }

    /// Where a position stands, or would stand, among the rows of a key.
    private func place(of position: RowPosition, in entry: Int) -> Int {
        let slots = slotsOfEntry[entry]
        // Rows come roughly in their order.
        if let last = slots.last, positions[Int(last)] < position { return slots.count }
        return slots.partition { positions[Int($0)] < position }
    }
}

extension [Int32] {
    /// How many of the elements, the first ones, fulfil a condition.
    func partition(where isBefore: (Int32) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
