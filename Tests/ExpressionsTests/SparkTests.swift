import Columnar
import Expressions
import Glibc
import Testing

/// One line of the fixture: what Spark gives for an expression on each row of its table.
struct SparkCase: CustomTestStringConvertible, Sendable {
    let expression: String
    /// The generated name and the type, or `nil` where Spark refuses the text.
    let column: (name: String, type: String)?
    /// A value a row, or `ERROR:condition`.
    let values: [String]

    var testDescription: String { expression }

    static let all: [SparkCase] = {
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "/\(folder)/Fixtures/spark-expressions.tsv"
        guard let text = readText(path) else { return [] }
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
                .map(String.init)
            if parts[1] == "ANALYSIS" {
                return SparkCase(expression: parts[0], column: nil, values: [parts[2]])
            }
            return SparkCase(
                expression: parts[0], column: (parts[1], parts[2]), values: Array(parts[3...]))
        }
    }()

    /// The table of the fixture, as `spark_expressions.py` writes it.
    static let table: RecordBatch = {
        let schema = Schema([
            Field("id", .int, isNullable: false), Field("b", .boolean), Field("i", .int),
            Field("l", .long), Field("d", .double), Field("m", .decimal(precision: 10, scale: 2)),
            Field("w", .decimal(precision: 30, scale: 4)), Field("s", .string),
            Field("t", .timestamp), Field("y", .date), Field("n", .string),
        ])
        func row(
            _ id: Int32, _ b: Bool, _ i: Int32, _ l: Int64, _ d: Double, _ m: Int128,
            _ w: Int128, _ s: String, _ t: Int64, _ y: Int32, _ n: String
        ) -> [Value] {
            [
                .int(id), .boolean(b), .int(i), .long(l), .double(d),
                .decimal(unscaled: m, scale: 2), .decimal(unscaled: w, scale: 4), .string(s),
                .timestamp(t), .date(y), .string(n),
            ]
        }
        return RecordBatch(
            schema,
            rows: [
                row(
                    0, true, 7, 3, 2.5, 1_234, 1_234_567_891, "abc", 1_723_210_245_123_456, 19_782,
                    "12"),
                row(1, false, -7, -3, -0.0, -5, -1, "", -1, -1, " 7 "),
                row(
                    2, true, .max, .max, .nan, 9_999_999_999,
                    999_999_999_999_999_999_999_999_999_999, "Straße 10%", 946_684_800_000_000,
                    10_957, "x"),
                row(
                    3, false, .min, .min, .infinity, 0, 0, "a_b%c", -12_219_292_800_000_000,
                    -25_508, "1e3"),
                row(
                    4, true, 0, 0, 1e10, 1, 10_000, "ABC", 1_735_689_599_000_000, 20_087, "true"),
                [.int(5)] + Array(repeating: .null, count: 10),
                row(
                    6, false, 1, 10, 1e-5, 250, 70_000, "  pad ", 1_709_208_000_500_000, 19_813,
                    "2024-01-02 03:04:05"),
            ])
    }()
}

@Suite struct SparkTests {
    /// Where this engine differs, and why.
    static let differences: [String: String] = [
        "date_trunc('foo', t)": "an unknown unit is an error, not NULL",
        "i + y": "a date beyond its range is an error, not another date",
        "exp('1')": "the last bit: the C library's rounding is the correct one",
        "log(10, l)": "the last bit of a quotient of logarithms",
        "CASE WHEN NULL THEN 1 ELSE 2 END": "NULL is accepted as a condition",
        "t - t": "there is no interval type",
        "y - y": "there is no interval type",
        "T.i + 1": "columns have no table",
        "t.i": "columns have no table",
        "cast(i as smallint)": "there is no such type",
        "concat(CAST(s AS BINARY), X'00')": "bytes are not put together",
        "substring(CAST(s AS BINARY), 1, 2)": "bytes are not taken apart",
        "i & 3": "there are no bit operations",
        "i | 3": "there are no bit operations",
        "~i": "there are no bit operations",
        "i as": "AS needs a name",
        "count(i) OVER ()": "not on a stream",
    ]

    /// Spark's generated names that are not followed: how it writes intervals, the functions that
    /// it puts in place of date arithmetic, EXTRACT, and escapes.
    private static func hasOwnName(_ expression: String) -> Bool {
        expression.contains("INTERVAL") || expression.lowercased().hasPrefix("extract")
            || expression.contains("\\") || expression.contains("0.0000001BD")
            || ["y + 1", "y - 1", "1 + y"].contains(expression)
    }

    @Test func theFixtureIsThere() { #expect(SparkCase.all.count > 400) }

    @Test(arguments: SparkCase.all) func agreesWithSpark(expected: SparkCase) throws {
        if Self.differences[expected.expression] != nil { return }
        guard let column = expected.column else {
            #expect(throws: ExpressionErrors.self, "Spark: \(expected.values)") {
                try BoundExpression(
                    parsing: expected.expression, input: SparkCase.table.schema)
            }
            return
        }
        let plan: QueryPlan
        do {
            plan = try analyze(
                QueryText(select: [expected.expression]), input: SparkCase.table.schema,
                eventTime: nil)
        } catch {
            Issue.record("\(expected.expression): \(error)")
            return
        }
        guard case .projection(let projection) = plan else { return }
        let output = projection.output[0]
        if !Self.hasOwnName(expected.expression) { #expect(output.name == column.name) }
        #expect(Self.sparkName(output.expression.type) == column.type)
        try check(output.expression, expected)
    }

    private func check(_ expression: BoundExpression, _ expected: SparkCase) throws {
        let context = EvaluationContext(batchTimestampMicros: 0)
        let table = SparkCase.table
        var found: [String] = []
        for row in 0..<table.count {
            do {
                let column = try expression.evaluate(table.slice(row..<row + 1), context)
                found.append(Self.text(column.value(at: 0)))
            } catch {
                found.append("ERROR:\(error.code.rawValue)")
            }
        }
        for (row, pair) in zip(found, expected.values).enumerated() {
            #expect(
                Self.agree(pair.0, pair.1),
                "row \(row) of \(expected.expression): \(pair.0), Spark: \(pair.1)")
        }
        // All rows at once, and the rows that do not fail at once, give the same.
        let good = (0..<table.count).filter { !found[$0].hasPrefix("ERROR") }.map(Int32.init)
        let column = try expression.evaluate(table.gather(good), context)
        #expect(
            (0..<good.count).map { Self.text(column.value(at: $0)) }
                == good.map { found[Int($0)] })
        if let row = found.firstIndex(where: { $0.hasPrefix("ERROR") }) {
            do {
                _ = try expression.evaluate(table, context)
                Issue.record("\(expected.expression) fails by rows, not as a whole")
            } catch {
                #expect(found[error.row ?? -1].hasPrefix("ERROR"), "row \(row) fails first")
            }
        }
    }

    private static func agree(_ found: String, _ spark: String) -> Bool {
        if found == spark { return true }
        if found.hasPrefix("ERROR:"), spark.hasPrefix("ERROR:") { return true }
        // Doubles are hexadecimal floats in the fixture, bit patterns here.
        guard found.hasPrefix("double:"), let bits = UInt64(found.dropFirst(7), radix: 16),
            let value = Double(spark)
        else { return false }
        return Double(bitPattern: bits) == value && Double(bitPattern: bits).sign == value.sign
    }

    private static func sparkName(_ type: DataType) -> String {
        type == .long ? "bigint" : type.description
    }

    private static func text(_ value: Value) -> String {
        switch value {
        case .null: return "NULL"
        case .boolean(let value): return value ? "true" : "false"
        case .int(let value), .date(let value): return String(value)
        case .long(let value), .timestamp(let value): return String(value)
        case .double(let value):
            return value.isNaN ? "nan" : "double:" + String(value.bitPattern, radix: 16)
        case .decimal(let unscaled, let scale):
            var digits = String(unscaled.magnitude)
            while digits.utf8.count <= scale { digits = "0" + digits }
            if scale > 0 {
                digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
            }
            return (unscaled < 0 ? "-" : "") + digits
        case .binary(let bytes): return formatHex(bytes)
        case .string(let text):
            return text.map {
                $0 == "\\" ? "\\\\" : $0 == "\t" ? "\\t" : $0 == "\n" ? "\\n" : String($0)
            }
            .joined()
        }
    }
}

/// The text of a file of the project, or `nil`.
func readText(_ path: String) -> String? {
    guard let file = unsafe fopen(path, "r") else { return nil }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = unsafe fread(&chunk, 1, chunk.count, file)
        if count == 0 { break }
        bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}
