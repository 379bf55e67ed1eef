import Columnar
import KeyedState

/// A block of an aggregate query's input after everything that does not touch state: filtered,
/// with keys, times and arguments computed.
public struct PreparedBlock: Sendable {
    /// Rows that came in.
    let inputCount: Int
    /// Rows that the filter kept and that have a window: those without a time, or without a positive
    /// gap of sessions, have none.
    let count: Int
    let firstSequence: Int64
    /// Where the rows are from.
    let lane: Lane
    /// The input row of each row; `nil` when all rows were kept.
    let rows: [Int32]?
    let keys: [Column]
    let keyIDs: BlockKeyIDs
    /// For windowed queries the time of each row, without nulls.
    let windowTimes: Column?
    /// For sessions the end of each row's own session.
    let sessionEnds: Buffer?
    let domains: [PreparedDomain]

    /// The sequence of a row.
    func sequence(_ row: Int) -> Int64 {
        firstSequence + Int64(inputRow(row))
    }

    /// The row of the input block that a row was.
    func inputRow(_ row: Int) -> Int32 { rows.map { $0[row] } ?? Int32(row) }
}

/// The rows of a block that one `FILTER` condition (or none) lets through, with the arguments of
/// the aggregates under it.
struct PreparedDomain: Sendable {
    /// The block's row of each row; `nil` when all rows pass.
    let rows: [Int32]?
    /// The row here of each row of the block, -1 where it does not pass; empty when all pass.
    let positions: [Int32]
    /// The event time of each row, for `first`, `last`, `min_by` and `max_by`; empty if none asks.
    let times: Buffer
    let arguments: [ArgumentValues]
}
