public import Columnar

/// An expression resolved against a schema and typed: a pure function from a batch to a column.
public struct BoundExpression: Sendable {
    let node: Node
    /// The indices of the input columns that it reads, ascending.
    public let columns: [Int]

    init(_ node: Node) {
        self.node = node
        var columns: Set<Int> = []
        node.collectColumns(into: &columns)
        self.columns = columns.sorted()
    }

    /// The type of the result.
    public var type: DataType { node.type }

    /// Whether a result may be null.
    public var isNullable: Bool { node.isNullable }

    /// The expression in SQL, in one spelling for all ways to write it.
    public var text: String { node.text }

    /// The input column when the expression is nothing else.
    public var columnIndex: Int? {
        if case .column(let index) = node.operation { index } else { nil }
    }

    /// The value when the expression is a constant.
    public var constant: Value? { node.constant }

    /// The expression's value for every row of a batch of the schema it was bound to.
    ///
    /// Pure and thread-safe.
    ///
    /// - Throws: for the first row on which it fails, naming row, expression and remedy.
    public func evaluate(
        _ batch: RecordBatch, _ context: EvaluationContext
    ) throws(ExpressionError) -> Column {
        return try Evaluator(Frame(batch, context)).evaluate(node).column(
            node.type, count: batch.count)
    }

    /// The rows for which the expression, a condition, is true; null counts as false.
    public func select(
        _ batch: RecordBatch, _ context: EvaluationContext
    ) throws(ExpressionError) -> Bitmap {
        precondition(type == .boolean, "a filter is a boolean expression")
        return try Evaluator(Frame(batch, context)).evaluate(node).trueRows(count: batch.count)
    }
}

/// An expression and the name of the column it makes.
public struct NamedExpression: Sendable {
    /// The column's name.
    public let name: String
    /// Its values.
    public let expression: BoundExpression

    /// The column as a field of a schema.
    public var field: Field {
        Field(name, expression.type, isNullable: expression.isNullable)
    }
}
