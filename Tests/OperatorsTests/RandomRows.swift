import Columnar
import TestSupport

/// Rows of every type at random, with nulls, equal times, disorder and awkward numbers.
struct RandomRows {
    static let schema = Schema([
        Field("ts", .timestamp), Field("symbol", .string), Field("price", .double),
        Field("volume", .long), Field("amount", .decimal(precision: 12, scale: 2)),
        Field("note", .string), Field("flag", .boolean), Field("day", .date),
        Field("wide", .decimal(precision: 28, scale: 3)), Field("n", .int),
    ])

    private var random: SeededGenerator
    private var now: Int64

    init(seed: UInt64, startMicros: Int64 = 0) {
        random = SeededGenerator(seed: seed)
        now = startMicros
    }

    mutating func rows(_ count: Int, disorderMicros: Int64 = 8_000_000) -> [[Value]] {
        (0..<count).map { _ in row(disorderMicros) }
    }

    private mutating func row(_ disorder: Int64) -> [Value] {
        now += Int64.random(in: 0..<1_200_000, using: &random)
        let time = now - Int64.random(in: 0...disorder, using: &random)
        return [
            orNull(30, .timestamp(time / 250_000 * 250_000)),
            orNull(10, .string("S\(Int.random(in: 0..<4, using: &random))")),
            orNull(8, .double(price())),
            orNull(8, .long(.random(in: -1_000...1_000, using: &random))),
            orNull(
                8,
                .decimal(
                    unscaled: Int128(
                        Int64.random(in: -99_999_999_999...99_999_999_999, using: &random)),
                    scale: 2)),
            orNull(
                8,
                .string(
                    ["", "a", "aa", "\u{e9}", "e\u{301}", "zz"].randomElement(using: &random) ?? "")
            ),
            orNull(8, .boolean(.random(using: &random))),
            orNull(8, .date(.random(in: -3...3, using: &random))),
            orNull(
                8,
                .decimal(
                    unscaled: Int128(Int64.random(in: .min ... .max, using: &random)) * 1_000_003,
                    scale: 3)),
            orNull(8, .int(.random(in: -5...5, using: &random))),
        ]
    }

    private mutating func price() -> Double {
        switch Int.random(in: 0..<12, using: &random) {
        case 0: -0.0
        case 1: 0
        default: Double.random(in: -1...1, using: &random) * 1e3
        }
    }

    private mutating func orNull(_ oneIn: Int, _ value: Value) -> Value {
        Int.random(in: 0..<oneIn, using: &random) == 0 ? .null : value
    }
}
