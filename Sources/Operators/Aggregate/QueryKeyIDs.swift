import Columnar
import KeyedState

/// Dense key ids that are stable for a query: numbers from 1 on that stay the same from block to
/// block.
///
/// A block numbers its keys for itself (`BlockKeyIDs`); `numbers` tells what those mean here, 0 for a
/// key of the block that was not asked for yet.
///
/// Invariants:
/// - a single key column of strings has the number of its string in the state plus 2, and 1 for
///   null; other keys have the slot of their words in `table` plus 1.
/// - numbers hold as long as `strings` are the state's.
struct QueryKeyIDs {
    /// The number of each key of the block.
    private(set) var numbers: [Int32] = []
    /// Whether keys are single strings.
    let isString: Bool
    private let keyCount: Int
    private var table: WordTable
    private var strings: StateStrings?

    init(_ groups: Groups) {
        let keys = groups.table.keyFields.prefix(groups.keyCount)
        isString = keys.count == 1 && keys[0].type.layout == .dictionary
        keyCount = keys.count
        table = WordTable(width: groups.table.keyWidth)
    }

    /// Whether numbers given before still hold.
    func hold(for state: GroupTable) -> Bool { strings === state.strings }

    /// Begins a block; true if numbers given before no longer hold.
    mutating func beginBlock(_ block: PreparedBlock, _ state: GroupTable) -> Bool {
        // Keys that come and go must not stay for ever.
        let isStale = strings !== state.strings || table.count > 2 * state.count + 1_000_000
        if isStale {
            strings = state.strings
            table.removeAll()
        }
        let count = block.keyIDs.count
        numbers.removeAll(keepingCapacity: true)
        numbers.reserveCapacity(count)
        // Strings are looked up in one go: all of a dictionary whose strings are mostly in use, else
        // those that are.
        let dictionary = block.keyIDs.areCodes ? block.keys[0].dictionary : nil
        let isUsed = dictionary.map { $0.count <= block.count } ?? false
        if let dictionary, isUsed { state.strings.intern(dictionary, base: 2, into: &numbers) }
        numbers.append(contentsOf: repeatElement(0, count: count - numbers.count))
        if let dictionary, !isUsed { internUsed(dictionary, block.keyIDs, state.strings) }
        return isStale
    }

    /// Looks up the strings of a dictionary that some codes stand for.
    private mutating func internUsed(
        _ dictionary: StringDictionary, _ keyIDs: BlockKeyIDs, _ strings: StateStrings
    ) {
        let codes = keyIDs.ids.span(of: Int32.self)
        var used: [Int32] = []
        for row in codes.indices {
            let code = Int(codes[row])
            // A null has a number behind those of the strings.
            guard code < dictionary.count, numbers[code] == 0 else { continue }
            numbers[code] = -1
            used.append(Int32(code))
        }
        var found: [Int32] = []
        found.reserveCapacity(used.count)
        strings.intern(dictionary.gather(used), base: 2, into: &found)
        for (code, number) in zip(used, found) { numbers[Int(code)] = number }
    }

    /// The number of a string of the state, from that of its key.
    static func string(_ number: Int32) -> Int32 { number - 2 }

    /// Encodes the key of a row of the block, and with `start` that of its window, for the next
    /// lookup in the state.
    mutating func encodeKey(
        _ block: PreparedBlock, _ row: Int, id: Int, start: Int64?, _ state: GroupTable
    ) {
        if isString, numbers[id] > 1 {
            state.setKey(0, toString: Self.string(numbers[id]))
        } else {
            state.encodeKey(block.keys, row: row)
            if numbers[id] == 0 { numbers[id] = number(block, row, state) }
        }
        if let start { state.setKey(keyCount, to: start) }
    }

    /// The number of the encoded key, whose window is not set yet.
    private mutating func number(_ block: PreparedBlock, _ row: Int, _ state: GroupTable) -> Int32 {
        if isString {
            if block.keys[0].isNull(row) { return 1 }
            return unsafe Int32(truncatingIfNeeded: state.encodedKey[1]) + 2
        }
        // Safe: the table has the state's key width.
        return unsafe table.findOrInsert(state.encodedKey).slot + 1
    }
}
