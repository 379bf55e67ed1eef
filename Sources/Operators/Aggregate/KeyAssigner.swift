import Columnar
import KeyedState

/// Groups by keys alone: each key number has one group, in way 0 of the cache.
final class KeyAssigner: GroupAssigner {
    private var keyNumbers: QueryKeyIDs
    private var cache = WindowCache(windowsPerRow: 1)

    init(_ groups: Groups) { keyNumbers = QueryKeyIDs(groups) }

    func fold(_ folded: FoldedBlock, into groups: Groups) throws(OperatorError) -> [Int32] {
        let block = folded.block
        if keyNumbers.beginBlock(block, groups.table) { cache.removeAll(known: []) }
        groups.pairs.reserve(block.count)
        let way = cache.way(start: 0, number: 0)
        let slots = unsafe groups.pairs.slots
        let ids = block.keyIDs.ids.span(of: Int32.self)
        var hasLate = false
        for row in 0..<block.count {
            let id = ids.isEmpty ? 0 : Int(ids[row])
            let key = Int(keyNumbers.numbers[id])
            var slot: Int32
            if let known = cache.metSlot(key: key, way: way) {
                slot = known
            } else {
                slot = try self.slot(folded, row, id: id, way: way, groups)
            }
            // Safe: there is room for every row of the block.
            unsafe slots[row] = slot
            if slot < 0 { hasLate = true }
        }
        return try groups.accumulateDroppingLate(folded, hasLate: hasLate)
    }

    private func slot(
        _ folded: FoldedBlock, _ row: Int, id: Int, way: Int, _ groups: Groups
    ) throws(OperatorError) -> Int32 {
        keyNumbers.encodeKey(folded.block, row, id: id, start: nil, groups.table)
        let key = Int(keyNumbers.numbers[id])
        var slot: Int32
        if let known = cache.knownSlot(key: key, way: way) {
            slot = known
            groups.table.touch(slot)
        } else {
            slot = -1
            if groups.isLate(folded, row) {
                groups.countLateGroup(end: 0)
            } else {
                slot = try groups.insertGroup(sequence: folded.block.sequence(row)).slot
            }
        }
        cache.setSlot(slot, key: key, way: way)
        return slot
    }

    func completeGroups(_ watermark: Int64, of groups: Groups) -> [Int32] {
        groups.groupsOfKey(upTo: watermark)
    }

    func endBatch(removing complete: [Int32], watermark: Int64) {
        if !complete.isEmpty { cache.removeAll() }
        cache.beginBatch()
    }
}
