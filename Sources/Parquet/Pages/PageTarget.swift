import Columnar

/// Where the values of a chunk's pages go: the wanted rows of the row group.
@safe
struct PageTarget<Out: BitwiseCopyable> {
    /// The rows that are wanted, counted from the start of the row group.
    let rows: Range<Int>
    /// One place a wanted row.
    private let output: UnsafeMutablePointer<Out>
    /// Room for one step, for rows that are not wanted.
    private let scratch: UnsafeMutablePointer<Out>
    private let null: Out

    init(
        rows: Range<Int>, output: UnsafeMutablePointer<Out>, scratch: UnsafeMutablePointer<Out>,
        null: Out
    ) {
        self.rows = rows
        unsafe self.output = unsafe output
        unsafe self.scratch = unsafe scratch
        self.null = null
    }

    /// Decodes a page whose first row is `firstRow` and puts its wanted rows in their places.
    ///
    /// `levels` has a bit for each row of the page, set where it is not null; nil when no row is.
    func fill<Values: PageValues<Out>>(
        _ values: inout Values, firstRow: Int, count: Int, levels: Bitmap?
    ) throws(ParquetError) {
        var row = 0
        while row < count && firstRow + row < rows.upperBound {
            let position = firstRow + row
            var step = min(valuesPerStep, count - row, rows.upperBound - position)
            let isWanted = position >= rows.lowerBound
            if !isWanted { step = min(step, rows.lowerBound - position) }
            // Safe: a wanted row lies in `rows`, and a step fits in the scratch.
            let target = unsafe isWanted ? output + (position - rows.lowerBound) : scratch
            let valid = levels?.slice(row..<row + step)
            let validCount = valid?.setBitCount ?? step
            try unsafe values.next(validCount, into: target)
            if isWanted, let valid, validCount < step {
                unsafe spread(target, valid, validCount: validCount)
            }
            row += step
        }
    }

    /// Makes the wanted rows of a page null.
    func fillNulls(firstRow: Int, count: Int) {
        let page = firstRow..<firstRow + count
        let part = page.clamped(to: rows)
        guard !part.isEmpty else { return }
        // Safe: the part lies in `rows`.
        unsafe (output + (part.lowerBound - rows.lowerBound))
            .initialize(repeating: null, count: part.count)
    }

    /// Moves values that stand end to end to the rows that are not null, from the last one on.
    private func spread(
        _ target: UnsafeMutablePointer<Out>, _ valid: Bitmap, validCount: Int
    ) {
        var next = validCount
        var row = valid.count
        while row > 0 {
            row -= 1
            if valid[row] {
                next -= 1
                // Safe: next <= row, so nothing is overwritten before it is moved.
                unsafe (target + row).initialize(to: target[next])
            } else {
                unsafe (target + row).initialize(to: null)
            }
        }
    }
}
