import Columnar
public import Expressions

/// An operator that works row by row and keeps no state.
public final class Project: StreamOperator, @unchecked Sendable {
    // `@unchecked Sendable`: `prepare`, `preview` and `reshape` only read what is constant;
    // everything else is called by one thread at a time, which the caller sees to.

    /// What it computes.
    public let plan: ProjectionPlan
    /// The rows that come in.
    public let ports: [PortSchema]
    /// Rows that stay true if those that came in do.
    public let output: OutputProperties
    /// What the last batch came to.
    public private(set) var counters = OperatorCounters()

    private var rowsIn = 0

    /// An operator of a plan; `eventTimeColumn` is that of its input.
    public init(plan: ProjectionPlan, eventTimeColumn: Int? = nil) {
        self.plan = plan
        ports = [PortSchema(plan.input, eventTimeColumn: eventTimeColumn)]
        output = OutputProperties(
            schema: plan.outputSchema, order: .asInput, isAppendOnly: true)
    }

    /// Output rows, and how many rows they are made of.
    public struct Prepared: Sendable {
        let inputCount: Int
        let rows: InputBlock
    }

    /// Computes the output rows of a block.
    ///
    /// - Throws: when an expression fails, naming the row's offset.
    public func prepare(
        _ block: InputBlock, port: Int, _ batch: BatchContext
    ) throws(OperatorError) -> Prepared {
        Prepared(inputCount: block.batch.count, rows: try reshape(block, batch.evaluation))
    }

    /// Emits the output rows.
    public func fold(
        _ block: Prepared, port: Int, _ batch: BatchContext, into rows: inout OutputRows
    ) {
        rowsIn += block.inputCount
        rows.emit(block.rows)
    }

    /// Counts.
    public func finish(_ batch: BatchContext, into rows: inout OutputRows) {
        counters.rowsIn = rowsIn
        rowsIn = 0
    }

    /// Emits the output rows of unfinished ones.
    public func preview(
        _ block: InputBlock, port: Int, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {
        rows.emit(try reshape(block, batch.evaluation))
    }

    /// The output rows of a block, in its order, with the sequences that they have in it.
    ///
    /// - Throws: when an expression fails, naming the row's offset.
    public func reshape(
        _ block: InputBlock, _ context: EvaluationContext
    ) throws(OperatorError) -> InputBlock {
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
            return block.keeping(
                rows, as: RecordBatch(plan.outputSchema, columns, count: batch.count))
        } catch {
            let row = error.row.map { Int(rows?[$0] ?? Int32($0)) }
            throw OperatorError(error, sequence: row.map(block.sequence))
        }
    }
}
