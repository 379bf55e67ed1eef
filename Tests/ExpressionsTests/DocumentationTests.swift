import Columnar
import Expressions
import Testing

/// Runs every example of docs/expressions.md.
@Suite struct DocumentationTests {
    struct Example: CustomTestStringConvertible, Sendable {
        let expression: String
        let result: String
        var testDescription: String { expression }
    }

    static let examples: [Example] = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        guard let text = readText("/\(root)/docs/expressions.md") else { return [] }
        var examples: [Example] = []
        var isSQL = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isSQL = line == "```sql"
            } else if isSQL, let mark = line.firstRange(of: " -- ") {
                examples.append(
                    Example(
                        expression: String(line[..<mark.lowerBound]),
                        result: String(line[mark.upperBound...])))
            }
        }
        return examples
    }()

    @Test func thereAreExamples() { #expect(Self.examples.count > 60) }

    @Test(arguments: examples) func isTrue(example: Example) throws {
        let one = RecordBatch(Schema([]), [], count: 1)
        let context = EvaluationContext(batchTimestampMicros: 0)
        let text = "CAST(\(example.expression) AS STRING)"
        let expression = try BoundExpression(parsing: text, input: one.schema)
        do {
            let value = try expression.evaluate(one, context).value(at: 0)
            #expect(value == (example.result == "NULL" ? .null : .string(example.result)))
        } catch {
            #expect(error.code.rawValue == example.result)
        }
    }
}
