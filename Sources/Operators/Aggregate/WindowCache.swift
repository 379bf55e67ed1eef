/// The slots of the groups that were met, by the number of their key and their window, so that most
/// rows find their group with one load.
///
/// Key numbers stay the same from block to block and from batch to batch (`QueryKeyIDs`), from 1 on.
/// A few windows have a place each (`way`), chosen by the window's number; a window that takes
/// another's place starts empty.
///
/// Invariants:
/// - an entry is of the way's window if its generation is at least the way's `first`; it was met
///   in this batch if it is the way's `generation`. Generations are never given twice.
/// - the slots of entries that are of a way's window are live.
/// - -1 is the slot of a late group; number 0 has no entry.
/// - `known` has the start of every window that has groups in the state. A way is whole if its
///   window was not among them when it took its place: what the way does not know is not there.
struct WindowCache {
    /// One group.
    struct Entry: BitwiseCopyable {
        var generation: UInt32
        var slot: Int32
    }

    /// The window that has a way.
    struct Way {
        fileprivate(set) var start = Int64.min
        fileprivate(set) var first: UInt32 = 0
        fileprivate(set) var isWhole = false
        fileprivate(set) var generation: UInt32 = 0
    }

    /// How many ways there are, a power of two.
    let ways: Int
    /// Key numbers that each way has room for.
    private(set) var capacity = 0
    /// `capacity` entries for each way.
    private(set) var entries: [Entry] = []
    private var windows: [Way]
    private var lastGeneration: UInt32 = 0
    private var known: Set<Int64> = []

    init(windowsPerRow: Int) {
        var ways = 4
        while ways < 2 * windowsPerRow && ways < 256 { ways *= 2 }
        self.ways = ways
        windows = [Way](repeating: Way(), count: ways)
    }

    /// Forgets everything.
    mutating func removeAll() {
        entries = []
        capacity = 0
        lastGeneration = 0
        windows = [Way](repeating: Way(), count: ways)
    }

    /// Forgets everything, but for the windows that have groups in the state.
    mutating func removeAll(known starts: Set<Int64>) {
        removeAll()
        known = starts
    }

    /// Makes room for a key number.
    mutating func reserve(_ key: Int) {
        guard key >= capacity else { return }
        let larger = max(64, 2 * capacity, key + 1)
        var moved = [Entry](repeating: Entry(generation: 0, slot: 0), count: ways * larger)
        for way in 0..<ways {
            for key in 0..<capacity {
                moved[way * larger + key] = entries[way * capacity + key]
            }
        }
        entries = moved
        capacity = larger
    }

    /// Begins a batch: groups that were met before count as known, but no longer as met.
    mutating func beginBatch() {
        // Generations are used up once in 2^32 windows and batches: start over.
        if lastGeneration > .max - UInt32(ways) { removeAll() }
        for way in 0..<ways where windows[way].first > 0 {
            lastGeneration += 1
            windows[way].generation = lastGeneration
        }
    }

    /// The way of a window, which is emptied if it held another.
    mutating func way(start: Int64, number: Int64) -> Int {
        let way = Int(truncatingIfNeeded: number) & (ways - 1)
        if windows[way].start != start || windows[way].first == 0 {
            if lastGeneration == .max { removeAll() }
            lastGeneration += 1
            windows[way] = Way(
                start: start, first: lastGeneration, isWhole: known.insert(start).inserted,
                generation: lastGeneration)
        }
        return way
    }

    /// Whether a way knows every group of its window.
    func isWhole(_ way: Int) -> Bool { windows[way].isWhole }

    /// The generation of the entries that were met in this batch.
    func generation(ofWay way: Int) -> UInt32 { windows[way].generation }

    /// Calls `body` with the entries of a way, by key number.
    mutating func withEntries<Result>(
        ofWay way: Int, _ body: (UnsafeMutableBufferPointer<Entry>, Way) -> Result
    ) -> Result {
        let (capacity, window) = (capacity, windows[way])
        return unsafe entries.withUnsafeMutableBufferPointer { all in
            let part = unsafe all.dropFirst(way * capacity).prefix(capacity)
            return unsafe body(UnsafeMutableBufferPointer(rebasing: part), window)
        }
    }

    /// The slot of a group that was met in this batch, -1 for a late one.
    @inline(__always)
    func metSlot(key: Int, way: Int) -> Int32? {
        guard key < capacity else { return nil }
        let entry = entries[way * capacity + key]
        return entry.generation == windows[way].generation ? entry.slot : nil
    }

    /// The slot of a group that was met before in this window, if it is known; never a late one.
    func knownSlot(key: Int, way: Int) -> Int32? {
        guard key > 0, key < capacity else { return nil }
        let entry = entries[way * capacity + key]
        return entry.generation >= windows[way].first && entry.slot >= 0 ? entry.slot : nil
    }

    mutating func setSlot(_ slot: Int32, key: Int, way: Int) {
        reserve(key)
        entries[way * capacity + key] = Entry(generation: windows[way].generation, slot: slot)
    }

    /// Forgets the windows that start at or before a time.
    mutating func remove(startingUpTo last: Int64) {
        for way in 0..<ways where windows[way].start <= last { windows[way] = Way() }
        known = known.filter { $0 > last }
    }
}
