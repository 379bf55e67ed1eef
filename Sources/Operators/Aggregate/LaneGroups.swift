import Columnar
import Expressions
import KeyedState

/// The accumulators of groups whose rows are of several lanes, kept by lane where the order of rows
/// shows in a result.
///
/// How the rows of several lanes follow one another depends on where batches end. The rows of one
/// lane do not; so each lane's rows are folded by themselves, and what came of them is merged in the
/// order of the lanes when the result is wanted. Results are then a function of the rows alone.
///
/// A *part* is a group's state for one lane. `table` has the parts, under the group's key with the
/// lane behind it, and for windowed queries with the window's end first, as the group itself.
///
/// Invariants:
/// - `first[group]` is a part of the group in a slot, `next[part]` another one of the same group, -1
///   where there is none; `lanes[laneOf[part]]` is the part's lane. They hold while `strings` and
///   `groupStrings` are those of the two tables.
/// - `parts[group]` is the group's part for the lane of the block at hand if `blocks[group]` is
///   `block`.
/// - a part of a windowed group has the start and the end of the group's window.
final class LaneGroups {
    // Set once.
    let table: GroupTable
    /// The columns of each accumulator, empty for one whose state is not kept by lane.
    let columns: [[StateColumn]]
    private let groups: GroupTable
    private let laneKey: Int
    private let isWindowed: Bool

    // Changing.
    private var first: [Int32] = []
    private var next: [Int32] = []
    private var laneOf: [Int32] = []
    private var lanes: [Lane] = []
    private var parts: [Int32] = []
    private var blocks: [Int64] = []
    private var block: Int64 = 0
    private var lane: Int32 = 0
    private var strings: StateStrings
    private var groupStrings: StateStrings
    private let pairs = PairMemory()

    /// No parts of no groups.
    ///
    /// - Parameters:
    ///   - groups: the groups, without rows.
    ///   - accumulators: those whose state is kept by lane, `nil` for the others.
    ///   - isWindowed: whether the last key is a window's start, and its end is kept.
    ///   - limits: how large the state may become.
    init(
        _ groups: GroupTable, _ accumulators: [(any Accumulator)?], isWindowed: Bool,
        _ limits: OperatorLimits
    ) {
        self.groups = groups
        self.isWindowed = isWindowed
        laneKey = groups.keyFields.count
        var fields = isWindowed ? [groups.columns[0].field] : []
        for (index, accumulator) in accumulators.enumerated() {
            fields += accumulator?.stateFields(of: index) ?? []
        }
        let keys = groups.keyFields + Lane.fields(behind: groups.keyFields)
        table = GroupTable(
            keys: keys, state: fields,
            sortOrder: groups.sortOrder + (laneKey..<keys.count), rowsMax: limits.stateRowsMax,
            bytesMax: limits.stateBytesMax)
        var end = isWindowed ? 1 : 0
        var columns: [[StateColumn]] = []
        for accumulator in accumulators {
            let start = end
            end += accumulator?.stateFields.count ?? 0
            columns.append(Array(table.columns[start..<end]))
        }
        self.columns = columns
        strings = table.strings
        groupStrings = groups.strings
    }
}

extension LaneGroups {
    // MARK: Folding

    /// Begins a block of a lane.
    func beginBlock(_ lane: Lane) throws(OperatorError) {
        try refresh()
        block += 1
        self.lane = number(of: lane)
    }

    private func number(of lane: Lane) -> Int32 {
        if let known = lanes.firstIndex(of: lane) { return Int32(known) }
        lanes.append(lane)
        return Int32(lanes.count - 1)
    }

    /// The slots of the parts that rows of the block at hand go to, given those of their groups; valid
    /// until the next call.
    func slots(
        _ groups: UnsafePointer<Int32>, count: Int, _ sequence: (_ pair: Int) -> Int64
    ) throws(OperatorError) -> UnsafePointer<Int32> {
        pairs.reserve(count)
        for pair in 0..<count {
            // Safe: there are `count` slots of groups, and room for as many.
            let group = unsafe Int(groups[pair])
            if group >= blocks.count { reserve(group) }
            if blocks[group] != block {
                parts[group] = try part(of: Int32(group), lane, sequence(pair))
                blocks[group] = block
            }
            unsafe pairs.slots[pair] = parts[group]
        }
        return unsafe UnsafePointer(pairs.slots)
    }

    private func reserve(_ group: Int) {
        let added = max(group + 1 - blocks.count, blocks.count)
        blocks.append(contentsOf: repeatElement(0, count: added))
        parts.append(contentsOf: repeatElement(-1, count: added))
        first.append(contentsOf: repeatElement(-1, count: added))
    }

    /// The group's part for a lane, marked as changed; a new one has the initial state.
    private func part(
        of group: Int32, _ lane: Int32, _ sequence: Int64
    ) throws(OperatorError) -> Int32 {
        var part = first[Int(group)]
        while part >= 0 {
            if laneOf[Int(part)] == lane {
                table.touch(part)
                return part
            }
            part = next[Int(part)]
        }
        table.encodeKey(of: group, in: groups)
        table.setLane(laneKey, to: lanes[Int(lane)])
        do throws(KeyedStateError) {
            part = try table.insert()
        } catch {
            throw OperatorError(error, sequence: sequence)
        }
        if isWindowed { setEnd(of: part, to: end(of: group)) }
        link(part, lane, to: group)
        return part
    }

    private func link(_ part: Int32, _ lane: Int32, to group: Int32) {
        if Int(group) >= blocks.count { reserve(Int(group)) }
        while next.count <= Int(part) {
            next.append(-1)
            laneOf.append(0)
        }
        laneOf[Int(part)] = lane
        next[Int(part)] = first[Int(group)]
        first[Int(group)] = part
    }

    /// The parts of a group.
    private func parts(of group: Int32) -> [Int32] {
        guard Int(group) < first.count else { return [] }
        var found: [Int32] = []
        var part = first[Int(group)]
        while part >= 0 {
            found.append(part)
            part = next[Int(part)]
        }
        return found
    }

    private func lane(of part: Int32) -> Lane { lanes[Int(laneOf[Int(part)])] }

    private func end(of group: Int32) -> Int64 {
        // Safe: the slot is live; the first column of a windowed table is the end.
        unsafe groups.columns[0].pointer(as: Int64.self)[Int(group)]
    }

    private func setEnd(of part: Int32, to end: Int64) {
        // Safe: the slot is live; the first column of a windowed table is the end.
        unsafe table.columns[0].pointer(as: Int64.self)[Int(part)] = end
    }
}

extension LaneGroups {
    // MARK: Following the groups

    /// The window of a group has other bounds now.
    func moveWindow(of group: Int32, startKey: Int, start: Int64) {
        let end = end(of: group)
        for part in parts(of: group) {
            table.touch(part)
            setEnd(of: part, to: end)
            if table.key(part, startKey) != start { table.rekey(part, startKey, to: start) }
        }
    }

    /// Folds the parts of a group into those of another, whose window starts at `start`.
    func merge(
        _ source: Int32, into target: Int32, startKey: Int, start: Int64,
        _ accumulators: [any Accumulator]
    ) throws(OperatorError) {
        for part in parts(of: source) {
            let lane = laneOf[Int(part)]
            if let known = parts(of: target).first(where: { laneOf[Int($0)] == lane }) {
                table.touch(known)
                for (accumulator, columns) in zip(accumulators, columns) where !columns.isEmpty {
                    try accumulator.merge(Int(part), into: Int(known), columns, table.strings)
                }
                table.remove([part])
            } else {
                table.rekey(part, startKey, to: start)
                setEnd(of: part, to: end(of: target))
                link(part, lane, to: target)
            }
        }
        forget(source)
    }

    /// Removes the parts of groups that are about to be removed: of all whose window ends at `bound`
    /// or before, if there is one.
    func remove(_ removed: [Int32], upTo bound: Int64?) {
        let gone = removed.flatMap { parts(of: $0) }
        for group in removed { forget(group) }
        if let bound {
            table.remove(gone.sorted(), upTo: bound)
        } else {
            table.remove(table.sorted(gone))
        }
    }

    private func forget(_ group: Int32) {
        guard Int(group) < first.count else { return }
        first[Int(group)] = -1
        blocks[Int(group)] = 0
    }

    /// Finds the parts of the groups anew if a table was restored or its strings renumbered.
    private func refresh() throws(OperatorError) {
        guard strings !== table.strings || groupStrings !== groups.strings else { return }
        (strings, groupStrings) = (table.strings, groups.strings)
        (first, next, laneOf, lanes, parts, blocks) = ([], [], [], [], [], [])
        for part in table.liveSlots {
            groups.encodeKey(of: part, in: table)
            let group = groups.find()
            guard group >= 0 else {
                throw OperatorError(
                    .stateInconsistent,
                    "the state has a lane of a group that it does not have; restore the "
                        + "checkpoint from a copy, or replay the job from its log")
            }
            link(part, number(of: table.lane(part, laneKey)), to: group)
        }
    }
}

extension LaneGroups {
    // MARK: Results

    /// The state of some groups for an accumulator, with all lanes merged: that of place `i` is in
    /// slot `i`.
    func merged(
        _ slots: [Int32], _ accumulator: any Accumulator, _ index: Int
    ) throws(OperatorError) -> [StateColumn] {
        try refresh()
        // What is merged passes through the slot behind the last.
        let merged = columns[index].map { StateColumn($0.field, capacity: slots.count + 1) }
        for (place, slot) in slots.enumerated() {
            let sorted = parts(of: slot).sorted { lane(of: $0) < lane(of: $1) }
            for (order, part) in sorted.enumerated() {
                let target = order == 0 ? place : slots.count
                for (column, own) in zip(merged, columns[index]) {
                    column.copy(Int(part), of: own, to: target)
                }
                if order > 0 {
                    try accumulator.merge(slots.count, into: place, merged, table.strings)
                }
            }
        }
        return merged
    }
}

extension Accumulator {
    /// Its columns as the `index`th accumulator of a state.
    func stateFields(of index: Int) -> [Field] {
        stateFields.map { Field("agg\(index).\($0.name)", $0.type, isNullable: $0.isNullable) }
    }
}
