import Columnar
import Expressions
import KeyedState

/// Says which groups the rows of an aggregation go to, and which groups the watermark completes.
///
/// It owns what it remembers of groups to find them quickly. It is asked once a block; what it does
/// row by row is its own.
protocol GroupAssigner: AnyObject {
    /// Finds the groups of a block's rows, adds those that are new, and folds the rows into them.
    ///
    /// - Returns: the rows of the block that were late for all of their groups, ascending.
    /// - Throws: when a sum overflows, a window cannot be represented, or the state is full.
    func fold(_ block: FoldedBlock, into groups: Groups) throws(OperatorError) -> [Int32]

    /// The slots of the groups that the watermark completes, ascending: what lies together is
    /// removed fastest.
    func completeGroups(_ watermark: Int64, of groups: Groups) -> [Int32]

    /// Ends a batch: these groups are about to be removed, completed by the watermark.
    func endBatch(removing complete: [Int32], watermark: Int64)
}

/// The groups that an aggregation's plan asks for.
func makeGroupAssigner(_ plan: AggregationPlan, _ groups: Groups) -> any GroupAssigner {
    guard let window = plan.window else { return KeyAssigner(groups) }
    switch window.kind {
    case .sliding(let duration, let slide, let start):
        let windows = FixedWindow(duration: duration, slide: slide, startTime: start)
        return windows.windowsPerRow == 1
            ? TumblingAssigner(windows, groups) : SlidingAssigner(windows, groups)
    case .session, .dynamicSession: return SessionAssigner(groups)
    }
}

/// A prepared block as it is folded.
struct FoldedBlock {
    let block: PreparedBlock
    /// The arguments of each domain, strings as numbers of the state.
    let arguments: [[ArgumentValues]]
    /// The same, strings as numbers of the state by lane, if there is one.
    let laneArguments: [[ArgumentValues]]
    /// Rows at or before it are late.
    let lateMicros: Int64

    var count: Int { block.count }

    /// A block that goes into these groups.
    init(_ block: PreparedBlock, into groups: Groups, lateMicros: Int64) {
        self.block = block
        self.lateMicros = lateMicros
        let numbered = { (strings: StateStrings) in
            block.domains.map { $0.arguments.map { $0.numbered(by: strings) } }
        }
        arguments = numbered(groups.table.strings)
        laneArguments = groups.lanes.map { numbered($0.table.strings) } ?? []
    }
}

extension Groups {
    /// The groups whose event time, a key, the watermark has reached; none where it is not a key.
    func groupsOfKey(upTo watermark: Int64) -> [Int32] {
        guard case .key(let index) = lateness else { return [] }
        var complete: [Int32] = []
        table.forEachLive { slot in
            if let time = table.key(slot, index), time <= watermark { complete.append(slot) }
        }
        return complete
    }

    /// The groups whose window ends at a watermark or before, and when the first of the others ends.
    func groups(endingUpTo watermark: Int64) -> (complete: [Int32], nextEnd: Int64) {
        var complete: [Int32] = []
        var next = Int64.max
        let ends = unsafe table.columns[0].pointer(as: Int64.self)
        table.forEachLive { slot in
            // Safe: the slot is live.
            let end = unsafe ends[Int(slot)]
            if end <= watermark { complete.append(slot) } else { next = min(next, end) }
        }
        return (complete, next)
    }
}
