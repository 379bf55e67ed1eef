public import Columnar

/// What an operator gives while it folds a block or ends a batch.
public struct OutputRows: Sendable {
    /// The rows that were emitted, in order.
    public private(set) var blocks: [InputBlock] = []
    /// The rows of the block at hand that were late: their places in it as it was read, ascending.
    public private(set) var lateRows: [Int32] = []
    /// The sequence of the next row that has none from before.
    private var nextSequence: Int64

    /// Creates an empty one; rows that the operator makes are numbered from a sequence on.
    public init(firstSequence: Int64 = 0) { nextSequence = firstSequence }

    /// Emits rows that came in, with the lane and the sequences that they had.
    public mutating func emit(_ block: InputBlock) {
        if block.batch.count > 0 { blocks.append(block) }
    }

    /// Emits rows that the operator made.
    public mutating func emit(_ rows: RecordBatch) {
        guard rows.count > 0 else { return }
        blocks.append(InputBlock(batch: rows, firstSequence: nextSequence))
        nextSequence += Int64(rows.count)
    }

    /// Says which rows of the block at hand were left out because they were late.
    public mutating func setAside(late rows: [Int32]) { lateRows += rows }

    /// The blocks emitted since the last call.
    public mutating func takeBlocks() -> [InputBlock] {
        defer { blocks.removeAll(keepingCapacity: true) }
        return blocks
    }

    /// The late rows since the last call.
    public mutating func takeLateRows() -> [Int32] {
        defer { lateRows.removeAll(keepingCapacity: true) }
        return lateRows
    }
}
