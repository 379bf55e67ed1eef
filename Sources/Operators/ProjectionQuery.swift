public import Columnar
public import Expressions

/// A query that works row by row and keeps no state.
///
/// Any thread, any order.
public struct ProjectionQuery: Sendable {
    /// What the query computes.
    public let plan: ProjectionPlan

    /// A query of a plan.
    public init(plan: ProjectionPlan) { self.plan = plan }

    /// The output rows of a block, in its order.
    ///
    /// - Throws: when an expression fails, naming the row's offset.
    public func process(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws(OperatorError) -> RecordBatch {
        try output(block, context).columns
    }

    /// The output rows of a block with the sequences that they have in it.
    public func reshape(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws(OperatorError) -> InputBlock {
        let output = try output(block, context)
        return block.keeping(output.rows, as: output.columns)
    }

    /// The output columns, and the rows that they are of; `nil` for all.
    private func output(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws(OperatorError) -> (columns: RecordBatch, rows: [Int32]?) {
        var batch = block.batch
        var rows: [Int32]?
        do throws(ExpressionError) {
            if let filter = plan.filter {
                let kept = try filter.select(batch, context).setBitIndices()
                if kept.count < batch.count {
                    batch = batch.gather(kept)
                    rows = kept
                }
            }
            var columns: [Column] = []
            for output in plan.output {
                columns.append(try output.expression.evaluate(batch, context))
            }
            return (RecordBatch(plan.outputSchema, columns, count: batch.count), rows)
        } catch {
            let row = error.row.map { Int(rows?[$0] ?? Int32($0)) }
            throw OperatorError(error, sequence: row.map(block.sequence))
        }
    }
}
