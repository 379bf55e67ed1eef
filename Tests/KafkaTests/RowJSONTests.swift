import Columnar
import Testing

@testable import KafkaConnector

/// What pyspark 4.3.0's `to_json` writes; `Tests/Kafka/test_json.py` asks it again.
@Suite("Rows as JSON")
struct RowJSONTests {
    static let expected: [(value: Value, text: String)] = [
        (.double(1e7), "1.0E7"), (.double(1e-5), "1.0E-5"), (.double(1.23e20), "1.23E20"),
        (.double(-0.0), "-0.0"), (.double(0.1), "0.1"), (.double(.nan), "\"NaN\""),
        (.double(.infinity), "\"Infinity\""), (.double(-.infinity), "\"-Infinity\""),
        (.decimal(unscaled: 150, scale: 2), "1.50"),
        (.decimal(unscaled: 1000, scale: 10), "1.000E-7"),
        (.decimal(unscaled: 1, scale: 6), "0.000001"),
        (.decimal(unscaled: -1, scale: 7), "-1E-7"),
        (.timestamp(1_767_623_400_123_456), "\"2026-01-05T14:30:00.123Z\""),
        (.timestamp(-1), "\"1969-12-31T23:59:59.999Z\""), (.date(20458), "\"2026-01-05\""),
        (.binary([0, 1, 2, 255]), "\"AAEC/w==\""), (.binary([]), "\"\""),
        (.binary([1, 2]), "\"AQI=\""), (.boolean(true), "true"), (.long(-9), "-9"),
        (.string("a\u{1}\n\"\\/é🙂\u{7f}"), "\"a\\u0001\\n\\\"\\\\/é🙂\u{7f}\""),
    ]

    @Test("values", arguments: expected)
    func values(value: Value, text: String) {
        var bytes: [UInt8] = []
        RowJSON.append(value, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test("nulls are left out")
    func nulls() {
        let schema = Schema([Field("a", .long), Field("b\"", .string)])
        let rows = RecordBatch(
            schema, rows: [[.long(1), .null], [.null, .string("x")], [.null, .null]])
        let json = RowJSON(rows, columns: [0, 1])
        let texts = (0..<3).map { row in
            var bytes: [UInt8] = []
            json.append(row: row, to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(texts == ["{\"a\":1}", "{\"b\\\"\":\"x\"}", "{}"])
    }
}
