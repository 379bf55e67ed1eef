import Columnar
import Expressions
import KeyedState

/// The groups of an aggregation with their accumulators: what all assigners of groups share.
///
/// Invariants:
/// - for windowed queries the last key column is the window's start and the first state column its
///   end.
/// - a group's rows of one lane are folded in the order of their sequence, so that results do not
///   depend on how rows are cut into blocks; of several lanes each has a state of its own where the
///   order matters: in columns for each source, or in `lanes`.
final class Groups {
    // Set once.
    let table: GroupTable
    /// How many key columns there are besides the window.
    let keyCount: Int
    let isWindowed: Bool
    /// What decides whether a group is late or complete, if anything does.
    let lateness: Lateness
    let accumulators: [any Accumulator]
    /// The state columns of each accumulator; none where its state is in `lanes`.
    private let columns: [[StateColumn]]
    /// The state by lane, for rows of lanes that come when they come.
    let lanes: LaneGroups?
    /// Where each accumulator finds its rows and arguments.
    private let inputs: [BlockPreparation.AggregateInput]

    // Changing.
    /// (row, window) pairs that were late in the batch.
    var pairsLate = 0
    /// The groups that changed since they were last shown, for a batch that shows them.
    var changed: ChangedGroups?
    private let lateGroups: WordTable
    let pairs = PairMemory()
    private let domainPairs = PairMemory()

    /// No groups.
    init(
        _ plan: AggregationPlan, _ inputs: [BlockPreparation.AggregateInput], lateness: Lateness,
        lanes: LaneLayout, limits: OperatorLimits
    ) {
        self.inputs = inputs
        self.lateness = lateness
        keyCount = plan.keys.count
        isWindowed = plan.window != nil
        accumulators = plan.aggregates.map { call in
            let accumulator = makeAccumulator(call)
            guard case .sources(let count) = lanes, call.dependsOnOrder else { return accumulator }
            return SourcewiseAccumulator(accumulator, sources: count)
        }
        let isByLane = plan.aggregates.map { lanes == .splits && $0.dependsOnOrder }
        let own = zip(accumulators, isByLane).map { $1 ? nil : $0 }
        table = Self.table(plan, own, limits)
        var end = isWindowed ? 1 : 0
        var columns: [[StateColumn]] = []
        for accumulator in own {
            let start = end
            end += accumulator?.stateFields.count ?? 0
            columns.append(Array(table.columns[start..<end]))
        }
        self.columns = columns
        self.lanes =
            isByLane.contains(true)
            ? LaneGroups(
                table, zip(accumulators, isByLane).map { $1 ? $0 : nil }, isWindowed: isWindowed,
                limits) : nil
        lateGroups = WordTable(width: table.keyWidth + 1)
    }

    private static func table(
        _ plan: AggregationPlan, _ accumulators: [(any Accumulator)?], _ limits: OperatorLimits
    ) -> GroupTable {
        var keys = plan.keys.map(\.field)
        var fields: [Field] = []
        var sortOrder = Array(keys.indices)
        if plan.window != nil {
            sortOrder.insert(keys.count, at: 0)
            keys.append(Field("window.start", .timestamp, isNullable: false))
            fields.append(Field("window.end", .timestamp, isNullable: false))
        }
        for (index, accumulator) in accumulators.enumerated() {
            fields += accumulator?.stateFields(of: index) ?? []
        }
        return GroupTable(
            keys: keys, state: fields, sortOrder: sortOrder, rowsMax: limits.stateRowsMax,
            bytesMax: limits.stateBytesMax)
    }

    /// Forgets what the last batch counted and showed.
    func endBatch() {
        pairsLate = 0
        changed = nil
        lateGroups.removeAll()
    }
}

extension Groups {
    // MARK: Finding groups

    /// Whether a row's key is an event time that is late.
    func isLate(_ folded: FoldedBlock, _ row: Int) -> Bool {
        guard case .key(let index) = lateness else { return false }
        let column = folded.block.keys[index]
        return !column.isNull(row) && column.int64s[row] <= folded.lateMicros
    }

    /// The group of the encoded key.
    func insertGroup(sequence: Int64) throws(OperatorError) -> (slot: Int32, existed: Bool) {
        do throws(KeyedStateError) {
            return try table.findOrInsert()
        } catch {
            throw OperatorError(error, sequence: sequence)
        }
    }

    /// The group of the encoded key and window, which ends at `end`; `isNew` says that the state is
    /// known not to have it.
    func windowGroup(
        end: Int64, isNew: Bool = false, _ sequence: Int64
    ) throws(OperatorError) -> (slot: Int32, existed: Bool) {
        let (slot, existed) =
            isNew
            ? (try insertNewGroup(sequence: sequence), false)
            : try insertGroup(sequence: sequence)
        // Safe: the slot is live.
        if !existed { unsafe table.columns[0].pointer(as: Int64.self)[Int(slot)] = end }
        return (slot, existed)
    }

    /// A group under the encoded key, which is not in the state.
    private func insertNewGroup(sequence: Int64) throws(OperatorError) -> Int32 {
        do throws(KeyedStateError) {
            return try table.insert()
        } catch {
            throw OperatorError(error, sequence: sequence)
        }
    }

    /// How many groups were late in the batch.
    var lateGroupCount: Int { lateGroups.count }

    /// Counts a late group once in a batch: the encoded key, and the end of its window.
    func countLateGroup(end: Int64) {
        var words: [UInt64] = []
        for word in 0..<table.keyWidth { unsafe words.append(table.encodedKey[word]) }
        words.append(UInt64(bitPattern: end))
        // Safe: the array has the table's width.
        unsafe words.withUnsafeBufferPointer { key in
            if let base = key.baseAddress { _ = unsafe lateGroups.findOrInsert(base) }
        }
    }
}

extension Groups {
    // MARK: Folding

    /// Runs every accumulator over pairs of slots and rows of the block.
    ///
    /// With `hasRows`, `pairs.rows` is filled; otherwise pair `i` is row `i`.
    func accumulate(
        _ folded: FoldedBlock, count: Int, hasRows: Bool
    ) throws(OperatorError) {
        guard count > 0 else { return }
        let block = folded.block
        unsafe changed?.note(pairs.slots, count: count)
        for (domainIndex, domain) in block.domains.enumerated() {
            var slots = unsafe UnsafePointer(pairs.slots)
            var rows = unsafe hasRows ? UnsafePointer(pairs.rows) : nil
            var domainCount = count
            if !domain.positions.isEmpty {
                domainCount = selectPairs(domain, count: count, hasRows: hasRows)
                unsafe slots = UnsafePointer(domainPairs.slots)
                unsafe rows = UnsafePointer(domainPairs.rows)
            }
            guard let times = unsafe domain.times.unsafeBytes.baseAddress else { continue }
            let sequence = { row in block.sequence(domain.rows.map { Int($0[row]) } ?? row) }
            var parts: UnsafePointer<Int32>?
            if let lanes, domainCount > 0, isByLane(domainIndex) {
                unsafe parts = try lanes.slots(slots, count: domainCount) { pair in
                    sequence(unsafe rows.map { unsafe Int($0[pair]) } ?? pair)
                }
            }
            for (index, input) in inputs.enumerated() where input.domain == domainIndex {
                let byLane = unsafe columns[index].isEmpty ? parts : nil
                let arguments = unsafe byLane == nil ? folded.arguments : folded.laneArguments
                // Safe: the pairs were written for this call, the block keeps times and arguments.
                let fold = unsafe FoldInput(
                    count: domainCount, slots: byLane ?? slots, rows: rows,
                    times: times.assumingMemoryBound(to: Int64.self), sequence: sequence,
                    source: block.lane.source,
                    arguments: input.arguments.map { arguments[domainIndex][$0] },
                    strings: unsafe byLane == nil ? table.strings : strings(index))
                try accumulators[index].fold(fold, stateColumns(index))
            }
        }
    }

    /// Whether some accumulator of a domain keeps its state by lane.
    private func isByLane(_ domain: Int) -> Bool {
        zip(inputs, columns).contains { $0.domain == domain && $1.isEmpty }
    }

    /// The columns of an accumulator, of groups or of their parts.
    private func stateColumns(_ index: Int) -> [StateColumn] {
        columns[index].isEmpty ? lanes?.columns[index] ?? [] : columns[index]
    }

    /// The strings that the columns of an accumulator refer to.
    private func strings(_ index: Int) -> StateStrings {
        columns[index].isEmpty ? lanes?.table.strings ?? table.strings : table.strings
    }

    /// The pairs whose row a `FILTER` lets through, with the row's place in the domain.
    private func selectPairs(_ domain: PreparedDomain, count: Int, hasRows: Bool) -> Int {
        domainPairs.reserve(count)
        let from = unsafe pairs.slots
        let fromRows = unsafe pairs.rows
        let to = unsafe domainPairs.slots
        let toRows = unsafe domainPairs.rows
        var selected = 0
        for pair in 0..<count {
            // Safe: `count` pairs were written, and there is room for as many.
            let position = domain.positions[hasRows ? unsafe Int(fromRows[pair]) : pair]
            if position < 0 { continue }
            unsafe to[selected] = from[pair]
            unsafe toRows[selected] = position
            selected += 1
        }
        return selected
    }

    /// Passes pair `i`, row `i` on to the accumulators, without those whose slot is -1; gives the
    /// rows left out.
    func accumulateDroppingLate(
        _ folded: FoldedBlock, hasLate: Bool
    ) throws(OperatorError) -> [Int32] {
        guard hasLate else {
            try accumulate(folded, count: folded.count, hasRows: false)
            return []
        }
        var late: [Int32] = []
        var kept = 0
        let slots = unsafe pairs.slots
        let rows = unsafe pairs.rows
        for row in 0..<folded.count {
            // Safe: `kept` is at most `row`, and there is room for every row of the block.
            let slot = unsafe slots[row]
            if slot < 0 {
                late.append(Int32(row))
            } else {
                unsafe slots[kept] = slot
                unsafe rows[kept] = Int32(row)
                kept += 1
            }
        }
        pairsLate += late.count
        try accumulate(folded, count: kept, hasRows: true)
        return late
    }

    /// Folds the state of one group into that of another, whose window starts at `start` and whose
    /// rows come before at equal event times.
    func merge(_ source: Int32, into target: Int32, start: Int64) throws(OperatorError) {
        for (accumulator, columns) in zip(accumulators, columns) where !columns.isEmpty {
            try accumulator.merge(Int(source), into: Int(target), columns, table.strings)
        }
        try lanes?.merge(source, into: target, startKey: keyCount, start: start, accumulators)
    }
}

extension Groups {
    // MARK: Results

    /// The results of an accumulator for some groups.
    func results(_ index: Int, _ slots: [Int32]) throws(OperatorError) -> Column {
        let accumulator = accumulators[index]
        if let lanes, columns[index].isEmpty {
            let merged = try lanes.merged(slots, accumulator, index)
            return try accumulator.finish(
                slots.indices.map { Int32($0) }, merged, lanes.table.strings)
        }
        return try accumulator.finish(slots, columns[index], table.strings)
    }

    /// Removes groups: all whose window ends at `bound` or before, if there is one.
    func remove(_ slots: [Int32], upTo bound: Int64? = nil) {
        lanes?.remove(slots, upTo: bound)
        if let bound {
            table.remove(slots, upTo: bound)
        } else {
            table.remove(slots)
        }
    }
}
