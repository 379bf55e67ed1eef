public import Columnar

/// The state of one query: one row a group, found by its key, with columns for its accumulators.
///
/// A key is encoded in 64-bit words: first a word with one bit for each null key column, then a
/// word (two for a wide decimal) for each column. Strings are numbers of `strings`, doubles are
/// normalised so that 0.0 equals -0.0 and every NaN equals every other; a null's words are zero.
///
/// Invariants:
/// - `changes` has the slots whose groups changed since the last `markCommitted()`, and says which
///   were in the state then, under the key they have now. `removedKeys` has the keys that were and
///   no longer are.
///
/// Not thread-safe: one query folds on one thread.
@safe public final class GroupTable: StateTable {
    /// The columns of the key.
    public let keyFields: [Field]
    /// The columns of the accumulators.
    public let columns: [StateColumn]
    /// The strings that keys and accumulators refer to.
    public private(set) var strings = StateStrings()
    /// The most groups the state may hold.
    public let rowsMax: Int
    /// The most memory that the state may take, in bytes.
    public let bytesMax: Int
    /// The key columns in the order that `sorted(_:)` compares them.
    public let sortOrder: [Int]

    let table: WordTable
    /// Where the words of each key column start.
    let wordOffsets: [Int]
    let scratch: UnsafeMutablePointer<UInt64>
    private let changes: ChangeMarks
    /// The words of removed keys end to end, in the order of their removal.
    private(set) var removedKeys: [UInt64] = []
    /// Since the last `markCommitted()` all groups were removed whose first accumulator column was
    /// at most this; the later ones of them are not among `removedKeys`.
    public private(set) var removedUpTo: Int64?
    private var stringBytesAfterCompaction = 0
    /// Slots that the columns have room for.
    private var room: Int
    /// The place of each string in the order of their bytes, as of the last time that it paid.
    var ranks: [Int32]?

    /// An empty state.
    ///
    /// - Parameters:
    ///   - keys: the key columns; names must be unique.
    ///   - state: the accumulator columns; names must be unique.
    ///   - sortOrder: key columns by which rows are sorted, all of them; in order by default.
    ///   - rowsMax: the most groups; one more is an error that names `maxStateRows`.
    ///   - bytesMax: the most memory; more is an error that names `maxStateBytes`.
    public init(
        keys: [Field], state: [Field], sortOrder: [Int]? = nil, rowsMax: Int, bytesMax: Int = .max
    ) {
        precondition(keys.count <= 63, "a key has at most 63 columns")
        keyFields = keys
        self.rowsMax = rowsMax
        self.bytesMax = bytesMax
        self.sortOrder = sortOrder ?? Array(keys.indices)
        precondition(Set(self.sortOrder) == Set(keys.indices), "the sort order names every key")
        var offsets: [Int] = []
        var width = 1
        for key in keys {
            offsets.append(width)
            width += key.type.layout == .int128 ? 2 : 1
        }
        wordOffsets = offsets
        table = WordTable(width: width)
        let capacity = table.capacity
        columns = state.map { StateColumn($0, capacity: capacity) }
        changes = ChangeMarks(capacity: capacity)
        room = capacity
        unsafe scratch = .allocate(capacity: width)
        unsafe scratch.initialize(repeating: 0, count: width)
    }

    deinit { unsafe scratch.deallocate() }

    /// The number of groups.
    public var count: Int { table.count }

    /// How many groups were added or changed since the last `markCommitted()` and are still there.
    public var touchedCount: Int { changes.count }

    /// The live slots that changed since the last `markCommitted()`, in order of first change.
    public var touchedSlots: [Int32] { changes.slots }

    /// All live slots, ascending.
    public var liveSlots: [Int32] {
        var slots: [Int32] = []
        slots.reserveCapacity(count)
        table.forEachLive { slots.append($0) }
        return slots
    }

    /// Whether a group has the slot, which one has had.
    public func isLive(_ slot: Int32) -> Bool { slot < table.slotEnd && table.isLive(slot) }

    /// Calls `body` with each live slot, ascending.
    public func forEachLive(_ body: (Int32) -> Void) { table.forEachLive(body) }

    /// Bytes that the state takes in memory, about.
    public var memoryBytes: Int {
        memoryBytes(capacity: table.capacity)
    }

    private func memoryBytes(capacity: Int) -> Int {
        // Besides its key a group has four entries of the index at most, and what marks changes.
        let row = columns.reduce(table.width * 8 + 42) { $0 + $1.field.type.byteWidth + 1 }
        return capacity * row + strings.memoryBytes
    }
}

extension GroupTable {
    /// The slot of the encoded key's group, which is marked as changed; a new group starts with
    /// every column at its initial value.
    ///
    /// - Throws: `.tooManyRows`.
    public func findOrInsert() throws(KeyedStateError) -> (slot: Int32, existed: Bool) {
        let found = unsafe table.find(scratch)
        if found >= 0 {
            changes.touch(found)
            return (found, true)
        }
        try makeRoom()
        return (add(unsafe table.insert(scratch)), false)
    }

    /// The slot of a new group under the encoded key, which the caller knows not to be in the
    /// state; that costs no search.
    ///
    /// - Throws: `.tooManyRows`.
    public func insert() throws(KeyedStateError) -> Int32 {
        try makeRoom()
        return add(unsafe table.insertUnindexed(scratch))
    }

    /// The slots of new groups, which the caller knows not to be in the state, where the key is a
    /// string and a `timestamp`: these strings, by their numbers, at one time; the first column, of
    /// `timestamp`, gets the value `end`.
    ///
    /// - Throws: `.tooManyRows`.
    public func insert(
        strings numbers: [Int32], time: Int64, end: Int64
    ) throws(KeyedStateError) -> [Int32] {
        precondition(
            keyFields.count == 2 && keyFields[0].type.layout == .dictionary
                && keyFields[1].type.layout == .int64, "keys of a string and a time")
        try makeRoom(for: numbers.count)
        let offsets = (wordOffsets[0], wordOffsets[1])
        let slots = unsafe table.insertUnindexed(count: numbers.count) { index, words in
            unsafe words[0] = 0
            unsafe words[offsets.0] = UInt64(numbers[index])
            unsafe words[offsets.1] = UInt64(bitPattern: time)
        }
        reserveColumns()
        changes.add(slots)
        // Safe: the columns have room for every slot of the table.
        let ends = unsafe columns[0].pointer(as: Int64.self)
        for slot in slots { unsafe ends[Int(slot)] = end }
        return slots
    }

    private func add(_ slot: Int32) -> Int32 {
        reserveColumns()
        changes.add(slot)
        return slot
    }

    /// Makes room for every slot of the table.
    private func reserveColumns() {
        guard table.capacity > room else { return }
        for column in columns { column.reserve(table.capacity) }
        changes.reserve(table.capacity)
        room = table.capacity
    }

    /// Checks that `added` more groups are allowed.
    private func makeRoom(for added: Int = 1) throws(KeyedStateError) {
        guard added <= rowsMax - count else {
            throw KeyedStateError(
                .tooManyRows,
                "the state would hold more than \(rowsMax) groups; raise `maxStateRows`, or let "
                    + "groups end: a watermark with a shorter delay, fewer or shorter windows")
        }
        try checkMemory(for: added)
    }

    /// Checks that there is memory for `added` more groups.
    private func checkMemory(for added: Int) throws(KeyedStateError) {
        var capacity = table.capacity
        while capacity < count + added { capacity *= 2 }
        // Strings take memory, too; a look at them every now and then will do.
        guard capacity > table.capacity || added > 1 || count & 1_023 == 0 else { return }
        let needed = memoryBytes(capacity: capacity)
        guard needed > bytesMax else { return }
        throw KeyedStateError(
            .tooManyBytes,
            "the state of \(count) groups would take \(needed) bytes, more than \(bytesMax); raise "
                + "`maxStateBytes`, or let groups end: a watermark with a shorter delay, fewer or "
                + "shorter windows")
    }

    /// The slot of the encoded key's group, or -1.
    public func find() -> Int32 { unsafe table.find(scratch) }

    /// Marks a live slot as changed.
    public func touch(_ slot: Int32) { changes.touch(slot) }

    /// Marks live slots as changed.
    public func touch(_ slots: [Int32]) { for slot in slots { changes.touch(slot) } }

    /// Removes distinct groups.
    public func remove(_ slots: [Int32]) {
        for slot in slots {
            recordRemoval(slot)
            changes.remove(slot)
        }
        table.remove(slots)
        for column in columns { column.reset(slots) }
    }

    /// Removes all groups whose value in the first column, a `timestamp` or `long` that is never
    /// null, is at most `bound`; `slots` are those groups.
    ///
    /// What a commit has to remember of it is the bound.
    public func remove(_ slots: [Int32], upTo bound: Int64) {
        guard !slots.isEmpty else { return }
        for slot in slots { changes.remove(slot) }
        table.remove(slots)
        for column in columns { column.reset(slots) }
        removedUpTo = max(bound, removedUpTo ?? .min)
    }

    /// Gives a group another value in a `long` or `timestamp` key column; no group may have that
    /// key.
    public func rekey(_ slot: Int32, _ index: Int, to value: Int64) {
        recordRemoval(slot)
        unsafe scratch.update(from: table.key(slot), count: table.width)
        setKey(index, to: value)
        unsafe table.rekey(slot, scratch)
        touch(slot)
    }

    /// Forgets which groups changed: the state is now what a commit would restore.
    public func markCommitted() {
        changes.commit()
        removedUpTo = nil
        removedKeys.removeAll(keepingCapacity: true)
        compactStrings()
    }

    /// Removes everything.
    public func removeAll() {
        table.removeAll()
        changes.removeAll()
        removedUpTo = nil
        for column in columns { column.resetAll(from: 0) }
        ranks = nil
        removedKeys.removeAll()
        strings = StateStrings()
        stringBytesAfterCompaction = 0
    }

    private func recordRemoval(_ slot: Int32) {
        guard changes.forgetCommitted(slot) else { return }
        let words = unsafe table.key(slot)
        for word in 0..<table.width { unsafe removedKeys.append(words[word]) }
    }

    /// Rebuilds the strings from those in use when most of them are garbage.
    ///
    /// Runs between batches, when nobody holds a number.
    private func compactStrings() {
        let bound = 2 * stringBytesAfterCompaction + (1 << 20)
        guard strings.memoryBytes > bound else { return }
        let old = strings
        let new = StateStrings()
        let renumber = { (number: Int32) in
            unsafe old.withBytes(number) { bytes in unsafe new.intern(bytes) }
        }
        for (index, field) in keyFields.enumerated() where field.type.layout == .dictionary {
            table.mapWords(at: wordOffsets[index]) { slot, word in
                let nulls = unsafe table.key(slot).pointee
                if nulls & (1 << UInt64(index)) != 0 { return 0 }
                return UInt64(renumber(Int32(word)))
            }
        }
        for column in columns where column.field.type.layout == .dictionary {
            table.forEachLive { column.renumber($0, renumber) }
        }
        strings = new
        ranks = nil
        stringBytesAfterCompaction = new.memoryBytes
    }
}
