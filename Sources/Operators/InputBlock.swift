public import Columnar

/// Rows of a query's input, in log order.
///
/// As they are read, row `i` has the sequence `firstSequence + i`; when some of them have been set
/// aside since, the others keep theirs.
public struct InputBlock: Sendable {
    /// The rows.
    public let batch: RecordBatch
    /// The sequence (log offset) of the first row of the block as it was read.
    public let firstSequence: Int64
    /// The place of each row in the block as it was read, ascending; `nil` when all are there.
    let places: [Int32]?

    /// Consecutive rows from a sequence on.
    public init(batch: RecordBatch, firstSequence: Int64) {
        self.init(batch, firstSequence, places: nil)
    }

    private init(_ batch: RecordBatch, _ firstSequence: Int64, places: [Int32]?) {
        self.batch = batch
        self.firstSequence = firstSequence
        self.places = places
    }

    /// Some rows of the block, ascending, with the sequences that they have in it.
    public func keeping(_ rows: [Int32]) -> InputBlock {
        if rows.count == batch.count { return self }
        let kept = places.map { places in rows.map { places[Int($0)] } } ?? rows
        return InputBlock(batch.gather(rows), firstSequence, places: kept)
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
