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
}
