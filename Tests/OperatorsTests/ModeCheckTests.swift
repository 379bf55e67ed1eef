import Columnar
import Expressions
import Operators
import Testing

@Suite struct ModeCheckTests {
    static let input = Schema([
        Field("symbol", .string), Field("ts", .timestamp), Field("received", .timestamp),
        Field("price", .double), Field("n", .int),
    ])

    struct Case: Sendable, CustomTestStringConvertible {
        let groupBy: [String]
        let select: [String]
        let mode: OutputMode
        let watermark: Bool
        /// A word of each error expected.
        let errors: [String]

        var testDescription: String { "\(groupBy) \(mode) watermark \(watermark)" }
    }

    static let window = "window(ts, '1 minute')"
    static let session = "session_window(ts, '1 minute')"

    @Test(arguments: [
        Case(groupBy: [], select: ["price"], mode: .append, watermark: false, errors: []),
        Case(groupBy: [], select: ["price"], mode: .update, watermark: true, errors: []),
        Case(
            groupBy: [], select: ["price"], mode: .complete, watermark: true,
            errors: ["aggregation"]),
        Case(
            groupBy: [window], select: ["count(*)"], mode: .append, watermark: false,
            errors: ["needs a watermark"]),
        Case(groupBy: [window], select: ["count(*)"], mode: .append, watermark: true, errors: []),
        Case(groupBy: ["ts"], select: ["count(*)"], mode: .append, watermark: true, errors: []),
        Case(
            groupBy: ["symbol"], select: ["count(*)"], mode: .append, watermark: true,
            errors: ["window(ts, '1 minute')"]),
        Case(
            groupBy: ["window(received, '1 minute')"], select: ["count(*)"], mode: .append,
            watermark: true, errors: ["window(ts, '1 minute')"]),
        Case(groupBy: [window], select: ["count(*)"], mode: .update, watermark: false, errors: []),
        Case(groupBy: [window], select: ["count(*)"], mode: .complete, watermark: true, errors: []),
        Case(
            groupBy: ["symbol"], select: ["count(*)"], mode: .complete, watermark: false, errors: []
        ),
        Case(
            groupBy: ["symbol", session], select: ["count(*)"], mode: .append, watermark: true,
            errors: []),
        Case(
            groupBy: ["symbol", session], select: ["count(*)"], mode: .update, watermark: true,
            errors: ["session"]),
        Case(
            groupBy: [session], select: ["count(*)"], mode: .append, watermark: true,
            errors: ["another grouping column"]),
    ])
    func matrix(_ test: Case) throws {
        let plan = try analyze(
            QueryText(groupBy: test.groupBy, select: test.select), input: Self.input,
            eventTime: "ts")
        let errors = check(plan, mode: test.mode, watermarkColumn: test.watermark ? 1 : nil)
        #expect(errors.count == test.errors.count, "\(errors)")
        for (error, word) in zip(errors, test.errors) {
            #expect(error.message.contains(word), "\(error)")
        }
    }

    @Test func aWatermarkNeedsATimestamp() throws {
        let plan = try analyze(
            QueryText(groupBy: ["n"], select: ["count(*)"]), input: Self.input, eventTime: nil)
        let errors = check(plan, mode: .complete, watermarkColumn: 4)
        #expect(errors.map(\.code) == [.eventTimeNotTimestamp])
        #expect(errors.first?.message.contains("n is of type int") == true)
    }

    @Test func aggregationsReadAppendedRowsOnly() throws {
        let plan = try analyze(
            QueryText(groupBy: ["symbol"], select: ["count(*)"]), input: Self.input,
            eventTime: nil)
        #expect(check(plan, mode: .complete, watermarkColumn: nil, upstream: .append).isEmpty)
        #expect(check(plan, mode: .complete, watermarkColumn: nil, upstream: .update).count == 1)
    }
}
