public import Columnar
public import Expressions
import KeyedState

extension AggregateQuery {
    /// Ends a batch: emits what the output mode asks for and evicts what the watermark completes
    /// (semantics, section 4).
    ///
    /// The eviction watermark is the one that this batch runs with.
    ///
    /// - Returns: the rows to emit, and counts.
    /// - Throws: when an output expression or a decimal result fails; the state must then be
    ///   restored before it is used again.
    public func finishBatch(
        evictionWatermarkMs: Int64, _ context: EvaluationContext
    ) throws(OperatorError) -> BatchOutput {
        if plan.keys.isEmpty && plan.window == nil {
            // A global aggregate has a row even if no row came.
            state.encodeKey([], row: 0)
            _ = try insertGroup(sequence: 0)
        }
        let updated = state.touchedCount
        let complete =
            mode == .complete ? [] : completeGroups(microseconds(ofMs: evictionWatermarkMs))
        let emitted: [Int32] =
            switch mode {
            case .append: state.sorted(complete)
            case .update: state.sorted(state.touchedSlots)
            case .complete: state.sorted(state.liveSlots)
            }
        let rows = try output(emitted, context)
        if sessions != nil { for slot in complete { sessions?.evict(slot) } }
        if lateness == .windowEnd {
            state.remove(complete, upTo: microseconds(ofMs: evictionWatermarkMs))
        } else {
            // Which keys were removed is told in their order.
            state.remove(mode == .append ? emitted : state.sorted(complete))
        }
        forgetCached(complete, watermark: microseconds(ofMs: evictionWatermarkMs))
        defer {
            counts = BatchCounts()
            changed = nil
            lateGroups.removeAll()
        }
        return BatchOutput(
            rows: rows, rowsIn: counts.rowsIn, rowsLate: counts.rowsLate,
            pairsLate: counts.pairsLate, groupsDropped: lateGroups.count,
            rowsWithoutWindow: counts.rowsWithoutWindow, groupsTotal: state.count,
            groupsUpdated: updated, groupsRemoved: complete.count)
    }

    /// Begins a batch that shows groups as they change.
    public func showChanges() { changed = ChangedGroups() }

    /// The rows of the groups that changed since the last call in this batch, as `finishBatch` would
    /// emit them in `update` mode if the batch ended now.
    ///
    /// - Throws: when an output expression or a decimal result fails, as `finishBatch` does.
    public func changedRows(_ context: EvaluationContext) throws(OperatorError) -> RecordBatch {
        try output(state.sorted(changed?.take() ?? []), context)
    }

    /// All groups as they stand, sorted, under the plan's group schema: the state as a table.
    public func groups() throws(OperatorError) -> RecordBatch {
        try groupRows(state.sorted(state.liveSlots))
    }

    /// Ends the batch for what is known of the groups.
    private func forgetCached(_ removed: [Int32], watermark: Int64) {
        if !removed.isEmpty {
            let duration = FixedWindow(plan.window)?.duration ?? 0
            let (last, overflow) = watermark.subtractingReportingOverflow(duration)
            if lateness != .windowEnd {
                windowCache.removeAll()
            } else if !overflow {
                windowCache.remove(startingUpTo: last)
            }
        }
        windowCache.beginBatch()
    }

    /// The slots of the groups that the watermark completes, ascending: what lies together is
    /// removed fastest.
    private func completeGroups(_ watermark: Int64) -> [Int32] {
        var complete: [Int32] = []
        switch lateness {
        case .none: return []
        case .windowEnd:
            let isKnown = sessions == nil && keyNumbers.hold(for: state)
            if isKnown && earliestEnd > watermark { return [] }
            let ends = unsafe state.columns[0].pointer(as: Int64.self)
            var earliest = Int64.max
            state.forEachLive { slot in
                // Safe: the slot is live.
                let end = unsafe ends[Int(slot)]
                if end <= watermark { complete.append(slot) } else { earliest = min(earliest, end) }
            }
            earliestEnd = earliest
        case .key(let index):
            state.forEachLive { slot in
                if let time = state.key(slot, index), time <= watermark { complete.append(slot) }
            }
        }
        if sessions != nil, !complete.isEmpty { sessions?.refresh() }
        return complete
    }

    private func output(
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
            for index in plan.keys.indices { columns.append(try state.keyColumn(index, at: slots)) }
            if plan.window != nil {
                columns.append(try state.keyColumn(plan.keys.count, at: slots))
                columns.append(try state.columns[0].column(at: slots, state.strings))
            }
        } catch {
            throw OperatorError(error)
        }
        for (index, accumulator) in accumulators.enumerated() {
            columns.append(
                try accumulator.finish(slots, accumulatorColumns[index], state.strings))
        }
        return RecordBatch(plan.groupSchema, columns, count: slots.count)
    }
}
