import Expressions

extension FixedWindow {
    /// The lengths of a plan's window, `nil` for sessions and without a window.
    init?(_ plan: WindowPlan?) {
        guard case .sliding(let duration, let slide, let start)? = plan?.kind else { return nil }
        self.init(duration: duration, slide: slide, startTime: start)
    }
}

/// The slots of the groups that a block has met, by the number of their key and their window, so
/// that most rows find their group with one load.
///
/// A few windows have a place each (`way`), chosen by the window's number; a window that takes
/// another's place starts empty.
///
/// Invariants:
/// - an entry counts if its generation is its way's; generations are never given twice.
/// - -1 is the slot of a late group.
struct WindowCache {
    /// One group: valid if `generation` is the way's.
    struct Entry: BitwiseCopyable {
        var generation: UInt32
        var slot: Int32
    }

    /// How many ways there are, a power of two.
    let ways: Int
    /// `ways` entries for each key number.
    private(set) var entries: [Entry] = []
    private var starts: [Int64]
    private(set) var generations: [UInt32]
    private var lastGeneration: UInt32 = 0

    init(windowsPerRow: Int) {
        var ways = 4
        while ways < 2 * windowsPerRow && ways < 256 { ways *= 2 }
        self.ways = ways
        starts = [Int64](repeating: .min, count: ways)
        generations = [UInt32](repeating: 0, count: ways)
    }

    /// Forgets everything and makes room for keys numbered below `keys`.
    mutating func begin(keys: Int) {
        // Generations are used up once in 2^32 windows met: start over.
        if lastGeneration > UInt32.max - 2 * UInt32(ways) || entries.count < keys * ways {
            let capacity = max(entries.count, keys * ways)
            entries = [Entry](repeating: Entry(generation: 0, slot: 0), count: capacity)
            lastGeneration = 0
        }
        for way in 0..<ways { clear(way) }
    }

    /// The way of a window, which is emptied if it held another.
    mutating func way(start: Int64, number: Int64) -> Int {
        let way = Int(truncatingIfNeeded: number) & (ways - 1)
        if starts[way] != start {
            if lastGeneration == .max { begin(keys: entries.count / ways) }
            clear(way)
            starts[way] = start
        }
        return way
    }

    mutating func setSlot(_ slot: Int32, key: Int, way: Int) {
        entries[key * ways + way] = Entry(generation: generations[way], slot: slot)
    }

    private mutating func clear(_ way: Int) {
        lastGeneration += 1
        generations[way] = lastGeneration
        starts[way] = .min
    }
}
