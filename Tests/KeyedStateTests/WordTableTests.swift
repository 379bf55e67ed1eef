import KeyedState
import TestSupport
import Testing

@Suite struct WordTableTests {
    /// Random inserts, removals and lookups against a dictionary, with few distinct keys so that
    /// chains form and break.
    @Test(arguments: [UInt64(1), 2, 3])
    func behavesAsADictionary(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let table = WordTable(width: 2, capacity: 2)
        var known: [[UInt64]: Int32] = [:]
        for _ in 0..<20_000 {
            let key = [
                UInt64.random(in: 0..<40, using: &random), .random(in: 0..<40, using: &random),
            ]
            let found = unsafe key.withUnsafeBufferPointer { unsafe table.find($0.baseAddress!) }
            #expect(found == known[key] ?? -1)
            switch Int.random(in: 0..<3, using: &random) {
            case 0 where found >= 0:
                table.remove(found)
                known[key] = nil
            case 1, 0:
                let result = unsafe key.withUnsafeBufferPointer {
                    unsafe table.findOrInsert($0.baseAddress!)
                }
                #expect(result.existed == (found >= 0))
                known[key] = result.slot
            default: break
            }
            #expect(table.count == known.count)
        }
        var live: Set<Int32> = []
        table.forEachLive { live.insert($0) }
        #expect(live == Set(known.values))
    }

    /// As above with keys that are added without a search, removals of many at once and other keys
    /// for slots, which leave places in the index to be made up for.
    @Test(arguments: [UInt64(4), 5, 6])
    func findsWhatWasAddedWithoutASearch(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let table = WordTable(width: 1, capacity: 2)
        var known: [UInt64: Int32] = [:]
        var next: UInt64 = 0
        for step in 0..<400 {
            for _ in 0..<Int.random(in: 0..<200, using: &random) {
                let key = next
                next += 1
                known[key] = unsafe withUnsafePointer(to: key) { unsafe table.insertUnindexed($0) }
            }
            let leaving = known.keys.sorted().filter { _ in
                Int.random(in: 0..<5, using: &random) > 1
            }
            if step % 3 == 0 {
                table.remove(leaving.compactMap { known.removeValue(forKey: $0) })
            } else if let key = leaving.first, let slot = known.removeValue(forKey: key) {
                let other = next
                next += 1
                unsafe withUnsafePointer(to: other) { unsafe table.rekey(slot, $0) }
                known[other] = slot
            }
            #expect(table.count == known.count)
            guard step % 4 != 1 else { continue }
            for key in next.advanced(by: -Int(min(next, 300)))..<next + 1 {
                let found = unsafe withUnsafePointer(to: key) { unsafe table.find($0) }
                #expect(found == known[key] ?? -1)
            }
        }
        var live: Set<Int32> = []
        table.forEachLive { live.insert($0) }
        #expect(live == Set(known.values))
    }

    /// Slots that come and go without a search do not pile up.
    @Test func reusesSlotsInAscendingOrder() {
        let table = WordTable(width: 1, capacity: 2)
        for round in 0..<50 {
            let slots = (0..<1_000).map { place in
                let key = UInt64(round * 1_000 + place)
                return unsafe withUnsafePointer(to: key) { unsafe table.insertUnindexed($0) }
            }
            #expect(slots == Array(0..<1_000))
            table.remove(slots.reversed())
        }
        #expect(table.count == 0 && table.capacity == 1_024)
    }
}
