import Columnar

/// The rows on which a node is evaluated: a batch, or some of its rows.
struct Frame {
    /// The input columns; `nil` for those that the node does not read.
    let columns: [Column?]
    let count: Int
    /// The batch's row number of each row; `nil` when the rows are the batch's.
    let rows: [Int32]?
    let context: EvaluationContext

    init(_ batch: RecordBatch, _ context: EvaluationContext) {
        columns = batch.columns
        count = batch.count
        rows = nil
        self.context = context
    }

    private init(
        columns: [Column?], count: Int, rows: [Int32], context: EvaluationContext
    ) {
        self.columns = columns
        self.count = count
        self.rows = rows
        self.context = context
    }

    /// Some rows, with the columns that a node reads.
    func selecting(_ indices: [Int32], for node: Node) -> Frame {
        var needed: Set<Int> = []
        node.collectColumns(into: &needed)
        let picked = columns.indices.map { index in
            needed.contains(index) ? columns[index]?.gather(indices) : nil
        }
        let origin = rows.map { rows in indices.map { rows[Int($0)] } } ?? indices
        return Frame(columns: picked, count: indices.count, rows: origin, context: context)
    }

    /// The batch's number of a row of the frame.
    func batchRow(_ row: Int) -> Int { rows.map { Int($0[row]) } ?? row }
}

extension Frame {
    /// The result of a kernel: null where it failed when `isTry`, else the first failure thrown.
    func finish(
        _ node: Node, _ values: Buffer, _ failures: Bitmap?, _ operands: [Operand],
        validity: Bitmap?, isTry: Bool
    ) throws(ExpressionError) -> Operand {
        var validity = validity
        if let failures {
            let failed = validity.map { $0 & failures } ?? failures
            if isTry {
                validity = Columnar.validity(validity, and: ~failed)
            } else if let row = failed.firstSetBit {
                throw fault(node, operands, row: row)
            }
        }
        return .column(Column(node.type, values: values, count: count, validity: validity))
    }

    /// The error of a node whose strings do not fit in a column.
    func fault(_ node: Node, _ error: StringsTooLarge) -> ExpressionError {
        ExpressionError(
            .limitExceeded,
            "The distinct values of '\(node.text)' take more than 2 GiB, the most that a column "
                + "can hold. Make them shorter, or take fewer rows at a time.", at: node.position)
    }

    /// Appends to a column of strings under construction.
    func append(
        _ text: String, to builder: inout ColumnBuilder, of node: Node
    ) throws(ExpressionError) {
        builder.append(string: text)
        if builder.stringBytes > StringDictionary.byteCountMax {
            throw fault(node, StringsTooLarge())
        }
    }

    /// The error of a node that failed on a row of the frame.
    func fault(_ node: Node, _ operands: [Operand], row: Int) -> ExpressionError {
        let values = operands.map { $0.value(at: row) }
        let (code, reason, remedy) = FaultText.reason(node, values)
        let inputs = zip(node.arguments, values)
            .filter { $0.0.constant == nil }
            .map { "\($0.0.text) = \(FaultText.text($0.1))" }
        let place = inputs.isEmpty ? "" : ", where \(inputs.joined(separator: " and "))"
        return ExpressionError(
            code,
            "\(reason) in '\(node.text)'\(place). \(remedy)", at: node.position, row: batchRow(row))
    }
}
