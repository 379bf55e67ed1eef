import Columnar

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
