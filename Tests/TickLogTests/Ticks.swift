import Columnar
import Storage
import TestSupport
import TickLog

/// Rows of every type, distinct by their number.
enum Ticks {
    static let schema = Schema([
        Field("symbol", .string, isNullable: false),
        Field("event_time", .timestamp),
        Field("price", .double),
        Field("volume", .long),
        Field("flags", .int),
        Field("is_buy", .boolean),
        Field("day", .date),
        Field("amount", .decimal(precision: 18, scale: 4)),
        Field("notional", .decimal(precision: 38, scale: 8)),
        Field("note", .string),
    ])

    /// Rows `range`; every value can be told from its row's number, every 7th is null.
    static func rows(_ range: Range<Int>) -> RecordBatch {
        RecordBatch(schema, rows: range.map { row(Int64($0)) })
    }

    static func row(_ number: Int64) -> [Value] {
        func orNull(_ value: Value) -> Value { number % 7 == 3 ? .null : value }
        return [
            .string(["IBM", "AAPL", "", "caf\u{e9}"][Int(number % 4)]),
            orNull(.timestamp(time(number))),
            orNull(.double(Double(number) / 8)), orNull(.long(number * 1_000_003)),
            orNull(.int(Int32(truncatingIfNeeded: number))), orNull(.boolean(number % 3 == 0)),
            orNull(.date(Int32(truncatingIfNeeded: number / 10))),
            orNull(.decimal(unscaled: Int128(number) * -31, scale: 4)),
            orNull(.decimal(unscaled: Int128(number) << 80, scale: 8)),
            orNull(.string("row \(number)")),
        ]
    }

    /// Event times go up with some disorder.
    static func time(_ number: Int64) -> Int64 {
        1_700_000_000_000_000 + number * 1_000 + (number * 37 % 11) * 700
    }
}

/// Where the tests keep their log.
let logPath: Path = {
    guard let path = try? Path("ticks") else { preconditionFailure("a plain name is a path") }
    return path
}()

extension TickLogReader {
    /// The values of all rows, checking that the blocks follow one another.
    func allRows(_ offsets: Range<Int64>? = nil) throws(TickLogError) -> [[Value]] {
        let offsets = offsets ?? startOffset..<endOffset
        var next = offsets.lowerBound
        var rows: [[Value]] = []
        for block in try read(offsets) {
            precondition(block.baseOffset == next, "blocks follow one another")
            next = block.endOffset
            rows += block.batch.rows
        }
        precondition(next == offsets.upperBound, "blocks fill the range")
        return rows
    }
}
