import Columnar
import Parquet
import Synchronization

/// What the rows that are wanted have in some columns of a source.
final class WantedRows: Sendable {
    private let known: Mutex<[ColumnRange]> = Mutex([])

    /// Ranges of the source's columns; none where every row is wanted.
    var ranges: [ColumnRange] { known.withLock { $0 } }

    func set(_ ranges: [ColumnRange]) { known.withLock { $0 = ranges } }
}

extension OpenParquet {
    /// The rows that may be wanted, by the file's statistics, page index and bloom filters, and by its
    /// directories; `nil` is all.
    ///
    /// All are read where a null would be a fault: one that is left out could not be told of.
    func rowsWorthReading(
        _ wanted: [ColumnRange], _ places: [Place], _ schema: Schema
    ) throws -> [RowRange]? {
        guard !wanted.isEmpty else { return nil }
        for (field, place) in zip(schema.fields, places) where !field.isNullable {
            switch place {
            case .stored(let index): if file.schema[index].isNullable { return nil }
            case .constant(let value, _): if value.isNull { return nil }
            }
        }
        var conditions: [ColumnRange] = []
        for range in wanted {
            switch places[range.column] {
            case .stored(let index):
                // Bounds are of the source's type.
                guard file.schema[index].type == schema[range.column].type else { continue }
                conditions.append(
                    ColumnRange(column: index, from: range.lower, through: range.upper))
            case .constant(let value, let type):
                if type == schema[range.column].type, !range.mayHold(value) { return [] }
            }
        }
        guard !conditions.isEmpty else { return nil }
        return try onFile { () throws(ParquetError) in try file.rowRanges(where: conditions) }
    }

    /// Rows of a row group as stretches that are kept and stretches that are not.
    func stretches(
        of rows: Range<Int>, in group: Int, keeping kept: [RowRange]?
    ) -> [(rows: Range<Int>, isKept: Bool)] {
        guard let kept else { return [(rows, true)] }
        var stretches: [(rows: Range<Int>, isKept: Bool)] = []
        var next = rows.lowerBound
        for range in kept where range.rowGroup == group {
            let own = range.rows.clamped(to: rows)
            if own.isEmpty { continue }
            if own.lowerBound > next { stretches.append((next..<own.lowerBound, false)) }
            stretches.append((own, true))
            next = own.upperBound
        }
        if next < rows.upperBound { stretches.append((next..<rows.upperBound, false)) }
        return stretches
    }
}
