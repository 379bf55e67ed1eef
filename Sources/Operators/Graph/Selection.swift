import Columnar
import Expressions

/// The rows of a block that are still of interest.
struct Selection {
    private let block: InputBlock
    private let isNeeded: [Bool]
    /// The rows of the block, as it was read, that are kept; `nil` when all are.
    var rows: [Int32]?
    /// Those rows; columns that nobody reads hold something else.
    private(set) var batch: RecordBatch

    init(_ block: InputBlock, _ isNeeded: [Bool]) {
        self.block = block
        self.isNeeded = isNeeded
        batch = block.batch
        rows = block.places
    }

    var count: Int { batch.count }

    /// Keeps the rows whose bit is set.
    mutating func keep(_ bits: Bitmap) {
        if bits.setBitCount == count { return }
        let kept = bits.setBitIndices()
        rows = rows.map { known in kept.map { known[Int($0)] } } ?? kept
        let columns = batch.columns.enumerated().map { index, column in
            isNeeded[index] ? column.gather(kept) : column.slice(0..<kept.count)
        }
        batch = RecordBatch(batch.schema, columns, count: kept.count)
    }

    func evaluate(
        _ expression: BoundExpression, _ context: EvaluationContext
    ) throws(OperatorError) -> Column {
        do throws(ExpressionError) {
            return try expression.evaluate(batch, context)
        } catch {
            throw failure(error, row: error.row)
        }
    }

    func select(
        _ filter: BoundExpression, _ context: EvaluationContext
    ) throws(OperatorError) -> Bitmap {
        do throws(ExpressionError) {
            return try filter.select(batch, context)
        } catch {
            throw failure(error, row: error.row)
        }
    }

    func sequence(_ row: Int) -> Int64 {
        block.firstSequence + Int64(rows.map { $0[row] } ?? Int32(row))
    }

    func failure(_ error: ExpressionError, row: Int?) -> OperatorError {
        OperatorError(error, sequence: row.map(sequence))
    }
}
