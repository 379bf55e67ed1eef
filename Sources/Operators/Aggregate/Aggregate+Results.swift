import Columnar
import Expressions
import KeyedState

extension Aggregate {
    /// All groups as they stand, sorted: their keys, their window, their aggregates under the text
    /// they have in SQL.
    func shownGroups() throws(OperatorError) -> RecordBatch {
        let groups = try groupRows(table.sorted(table.liveSlots))
        let fields = groups.schema.fields.enumerated().map { index, field in
            index < plan.firstAggregateIndex
                ? field
                : Field(
                    plan.aggregates[index - plan.firstAggregateIndex].text, field.type,
                    isNullable: field.isNullable)
        }
        // A key may be called like an aggregate.
        guard Schema.duplicateName(in: fields) == nil else { return groups }
        return RecordBatch(Schema(fields), groups.columns, count: groups.count)
    }

    /// What is emitted of some groups.
    func result(
        _ slots: [Int32], _ context: EvaluationContext
    ) throws(OperatorError) -> RecordBatch {
        var groups = try groupRows(slots)
        do throws(ExpressionError) {
            if let having = plan.having {
                groups = groups.filter(try having.select(groups, context))
            }
            var columns: [Column] = []
            for output in plan.output {
                columns.append(try output.expression.evaluate(groups, context))
            }
            return RecordBatch(plan.outputSchema, columns, count: groups.count)
        } catch {
            throw OperatorError(error)
        }
    }

    /// Groups under the plan's group schema: keys, window, results.
    private func groupRows(_ slots: [Int32]) throws(OperatorError) -> RecordBatch {
        var columns: [Column] = []
        do throws(KeyedStateError) {
            for index in plan.keys.indices { columns.append(try table.keyColumn(index, at: slots)) }
            if plan.window != nil {
                columns.append(try table.keyColumn(plan.keys.count, at: slots))
                columns.append(try table.columns[0].column(at: slots, table.strings))
            }
        } catch {
            throw OperatorError(error)
        }
        for index in plan.aggregates.indices {
            columns.append(try groups.results(index, slots))
        }
        return RecordBatch(plan.groupSchema, columns, count: slots.count)
    }
}
