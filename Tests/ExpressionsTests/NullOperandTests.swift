import Columnar
import Expressions
import Testing

/// An operand is evaluated only on rows where those before it are not null, so that it cannot fail
/// where the result is null anyway.
@Suite struct NullOperandTests {
    static let schema = Schema([Field("a", .long), Field("zero", .long), Field("x", .double)])
    static let rows = RecordBatch(
        schema,
        rows: [
            [.null, .long(0), .double(.nan)], [.long(4), .long(2), .double(1.5)],
            [.null, .null, .null],
        ])

    private func values(_ text: String) throws -> [Value] {
        let expression = try BoundExpression(parsing: text, input: Self.schema)
        let column = try expression.evaluate(
            Self.rows, EvaluationContext(batchTimestampMicros: 0))
        return (0..<3).map { column.value(at: $0) }
    }

    @Test(arguments: [
        ("a + 1 div zero", [Value.null, .long(4), .null]),
        ("a = (1 div zero)", [.null, .boolean(false), .null]),
        ("a BETWEEN 1 AND 8 div zero", [.null, .boolean(true), .null]),
        ("a IN (3, 8 div zero)", [.null, .boolean(true), .null]),
        ("pow(a, 1 / zero)", [.null, .double(2), .null]),
        // The divisor comes first, and where it is 0 these do not look at the rest.
        ("try_divide(1 div zero, zero)", [.null, .double(0), .null]),
        ("nanvl(x, CAST(a AS DOUBLE))", [.null, .double(1.5), .null]),
        ("nanvl(x, 1 / (zero - 2))", [.double(-0.5), .double(1.5), .null]),
        ("nanvl(1.5D, NULL)", [.double(1.5), .double(1.5), .double(1.5)]),
    ])
    func nullsDecideFirst(text: String, expected: [Value]) throws {
        #expect(try values(text) == expected)
    }

    @Test func isnanOfNothingIsFalse() throws {
        let schema = Schema([Field("a", .long)])
        let rows = RecordBatch(schema, rows: [[.null], [.null]])
        let expression = try BoundExpression(parsing: "isnan(1 / (a + 1))", input: schema)
        let column = try expression.evaluate(rows, EvaluationContext(batchTimestampMicros: 0))
        #expect((0..<2).map { column.value(at: $0) } == [.boolean(false), .boolean(false)])
    }

    @Test(arguments: ["(1 div zero) + a", "coalesce(a, 1 div zero)", "1 div zero IN (1, a)"])
    func whatComesFirstFails(text: String) {
        #expect(throws: ExpressionError.self) { try values(text) }
    }

    @Test(arguments: [
        ("CAST(' 123 ' AS DECIMAL(2,0))", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("CAST(' 12 3' AS DECIMAL(2,0))", "CAST_INVALID_INPUT"),
        ("CAST(' ' AS DECIMAL(2,0))", "CAST_INVALID_INPUT"),
        ("CAST('NaN' AS DECIMAL(2,0))", "CAST_INVALID_INPUT"),
    ])
    func aNumberWithTooManyDigitsIsOutOfRange(text: String, code: String) throws {
        let error = #expect(throws: (any Error).self) { _ = try values(text) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(code))
    }

    @Test func theLeastDoubleHasTwoDigits() throws {
        let expression = try BoundExpression(
            parsing: "CAST(x AS STRING)", input: Schema([Field("x", .double)]))
        let least = Double.leastNonzeroMagnitude
        let numbers = [least, 2 * least, 3 * least, 10 * least, 20 * least, 0.002]
        let rows = RecordBatch(
            Schema([Field("x", .double)]), rows: numbers.map { [.double($0)] })
        let column = try expression.evaluate(rows, EvaluationContext(batchTimestampMicros: 0))
        let texts = numbers.indices.map { column.value(at: $0) }
        #expect(
            texts == [
                .string("4.9E-324"), .string("9.9E-324"), .string("1.5E-323"),
                .string("4.9E-323"), .string("9.9E-323"), .string("0.002"),
            ])
    }
}
