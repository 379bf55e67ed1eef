public import Columnar

/// Where rows come from: one split of one source, whose rows have one order among themselves.
///
/// State names a lane by these parts, which no later split shifts.
public struct Lane: Hashable, Comparable, Sendable {
    /// The source's place in the job.
    public let source: Int
    /// The split's group: a topic; empty for the only split of a source.
    public let group: String
    /// The split's number in its group.
    public let number: Int

    /// A split of a source; by default its only one.
    public init(source: Int, group: String = "", number: Int = 0) {
        self.source = source
        self.group = group
        self.number = number
    }

    /// The order of rows of equal event times: by source in the job's order, then by split.
    ///
    /// Groups are ordered by their bytes.
    public static func < (left: Lane, right: Lane) -> Bool {
        if left.source != right.source { return left.source < right.source }
        if left.group != right.group {
            return left.group.utf8.lexicographicallyPrecedes(right.group.utf8)
        }
        return left.number < right.number
    }

    /// The columns that name a lane as the last part of a key, under names that the key has not.
    public static func fields(behind keys: [Field]) -> [Field] {
        let taken = Set(keys.map(\.name))
        return [("lane.source", DataType.long), ("lane.group", .string), ("lane.number", .long)]
            .map { name, type in
                var name = name
                while taken.contains(name) { name += "_" }
                return Field(name, type, isNullable: false)
            }
    }

    /// How many columns name a lane.
    public static let fieldCount = 3
}

extension GroupTable {
    /// Sets the lane of the key that the next lookup looks for, in the key columns from `index` on.
    public func setLane(_ index: Int, to lane: Lane) {
        setKey(index, to: Int64(lane.source))
        setKey(index + 1, to: lane.group)
        setKey(index + 2, to: Int64(lane.number))
    }

    /// The lane in the key of a live slot.
    public func lane(_ slot: Int32, _ index: Int) -> Lane {
        Lane(
            source: Int(key(slot, index) ?? 0), group: string(slot, index + 1),
            number: Int(key(slot, index + 2) ?? 0))
    }
}
