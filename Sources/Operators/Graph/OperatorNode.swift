/// Where the rows of a port come from.
public enum NodeInput: Hashable, Sendable {
    /// The rows of these sources, by their places in the job, ascending.
    case sources([Int])
    /// The rows that another node emits.
    case node(Int)
}

/// A prepared block on its way to the operator that prepared it.
public struct PreparedInput: Sendable {
    let fold: @Sendable (BatchContext, inout OutputRows) throws(OperatorError) -> Void
}

/// An operator in a graph of them, with where its rows come from.
///
/// What kind of operator it is stays in here: a prepared block goes from `prepare` to `fold` in a
/// closure that knows its type.
public struct OperatorNode: Sendable {
    /// The operator.
    public let operation: any StreamOperator
    /// Where its rows come from, by port.
    public let inputs: [NodeInput]

    private let prepared:
        @Sendable (InputBlock, Int, BatchContext) throws(OperatorError) -> PreparedInput

    /// An operator whose ports read these inputs.
    public init<O: StreamOperator>(_ operation: O, inputs: [NodeInput]) {
        precondition(operation.ports.count == inputs.count, "an input for each port")
        self.operation = operation
        self.inputs = inputs
        prepared = { (block, port, batch) throws(OperatorError) in
            let prepared = try operation.prepare(block, port: port, batch)
            return PreparedInput { (batch, rows) throws(OperatorError) in
                try operation.fold(prepared, port: port, batch, into: &rows)
            }
        }
    }

    /// Does the work on a block that needs no state: any thread, any order.
    public func prepare(
        _ block: InputBlock, port: Int, _ batch: BatchContext
    ) throws(OperatorError) -> PreparedInput {
        try prepared(block, port, batch)
    }

    /// Takes a block in that this node prepared.
    public func fold(
        _ block: PreparedInput, _ batch: BatchContext, into rows: inout OutputRows
    ) throws(OperatorError) {
        try block.fold(batch, &rows)
    }
}
