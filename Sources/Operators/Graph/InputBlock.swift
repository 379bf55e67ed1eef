public import Columnar
public import KeyedState

/// Rows of a query's input, in log order.
///
/// As they are read, row `i` has the sequence `firstSequence + i`; when some of them have been set
/// aside since, the others keep theirs.
public struct InputBlock: Sendable {
    /// The rows.
    public let batch: RecordBatch
    /// The sequence (log offset) of the first row of the block as it was read.
    public let firstSequence: Int64
    /// Where the rows are from; their sequences are the offsets there.
    public let lane: Lane
    /// The place of each row in the block as it was read, ascending; `nil` when all are there.
    let places: [Int32]?

    /// Consecutive rows of a lane from a sequence on.
    public init(batch: RecordBatch, firstSequence: Int64, lane: Lane = Lane(source: 0)) {
        self.init(batch, firstSequence, lane, places: nil)
    }

    /// Rows of a lane whose sequences grow with gaps, within 2^31 of the first.
    public init(batch: RecordBatch, sequences: [Int64], lane: Lane) {
        let first = sequences.first ?? 0
        self.init(batch, first, lane, places: sequences.map { Int32($0 - first) })
    }

    private init(_ batch: RecordBatch, _ firstSequence: Int64, _ lane: Lane, places: [Int32]?) {
        self.batch = batch
        self.firstSequence = firstSequence
        self.lane = lane
        self.places = places
    }

    /// Some rows of the block, ascending, with the sequences that they have in it.
    public func keeping(_ rows: [Int32]) -> InputBlock {
        if rows.count == batch.count { return self }
        return keeping(rows, as: batch.gather(rows))
    }

    /// Some rows of the block (all of them for `nil`) with other columns.
    func keeping(_ rows: [Int32]?, as columns: RecordBatch) -> InputBlock {
        guard let rows else { return InputBlock(columns, firstSequence, lane, places: places) }
        let kept = places.map { places in rows.map { places[Int($0)] } } ?? rows
        return InputBlock(columns, firstSequence, lane, places: kept)
    }

    /// The same rows with their columns in another order, under a schema that fits.
    public func reordered(_ columns: [Int], as schema: Schema) -> InputBlock {
        keeping(
            nil, as: RecordBatch(schema, columns.map { batch.columns[$0] }, count: batch.count))
    }

    /// The rows at some places of the block as it was read, which must be in it.
    public func rows(at wanted: [Int32]) -> RecordBatch {
        guard let places else { return batch.gather(wanted) }
        var found: [Int32] = []
        var row = 0
        for place in wanted {
            while places[row] < place { row += 1 }
            found.append(Int32(row))
        }
        return batch.gather(found)
    }

    /// The place of a row in the block as it was read.
    func place(_ row: Int) -> Int32 { places.map { $0[row] } ?? Int32(row) }

    /// The sequence of a row.
    func sequence(_ row: Int) -> Int64 { firstSequence + Int64(place(row)) }
}
