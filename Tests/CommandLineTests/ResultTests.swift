import Columnar
import Testing

@testable import CommandLine

private let schema = Schema([
    Field("name", .string), Field("price", .double), Field("at", .timestamp), Field("n", .long),
])

private let rows = RecordBatch(
    schema,
    rows: [
        [.string("b,\"c\""), .double(1.5), .timestamp(1_000_001), .long(3)],
        [.string(""), .double(.nan), .timestamp(-1), .long(1)],
        [.null, .double(-0.0), .null, .long(2)],
    ])

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite struct ResultTests {
    @Test func rowsAsCSV() {
        let encoder = RowEncoder(schema, as: .csv)
        #expect(text(encoder.head) == "name,price,at,n\n")
        #expect(
            text(encoder.encode(rows))
                == """
                "b,""c""\",1.5,1970-01-01 00:00:01.000001,3
                "",NaN,1969-12-31 23:59:59.999999,1
                ,-0.0,,2

                """)
        #expect(encoder.tail.isEmpty)
    }

    @Test func rowsAsJSON() {
        #expect(
            text(RowEncoder(schema, as: .json).encode(rows))
                == """
                {"name":"b,\\"c\\"","price":1.5,"at":"1970-01-01 00:00:01.000001","n":3}
                {"name":"","price":"NaN","at":"1969-12-31 23:59:59.999999","n":1}
                {"name":null,"price":-0.0,"at":null,"n":2}

                """)
    }

    @Test func cellsOfATable() {
        #expect(tableCell(.null) == "NULL")
        #expect(tableCell(.string("a\nb")) == "a\\nb")
        #expect(timestampText(ms: .max) == "\(Int64.max) ms")
    }

    @Test func anOrderSortsAndKeepsTheOrderOfEquals() throws {
        let sorted = try RowOrder("n", schema: schema).sort(rows)
        #expect((0..<3).map { sorted.row($0)[3] } == [.long(1), .long(2), .long(3)])
        // NULL is the smallest value, NaN the largest number.
        let prices = try RowOrder("price DESC, n", schema: schema).sort(rows)
        #expect((0..<3).map { prices.row($0)[3] } == [.long(1), .long(3), .long(2)])
        let times = try RowOrder("at asc", schema: schema).sort(rows)
        #expect((0..<3).map { times.row($0)[3] } == [.long(2), .long(1), .long(3)])
    }

    @Test(arguments: [
        ("prise", "there is no column 'prise'; did you mean 'price'?"),
        ("n up", "--order-by n up: expected columns, each with ASC or DESC after it"),
        ("", "--order-by : expected columns, each with ASC or DESC after it"),
    ])
    func faultyOrders(order: String, message: String) {
        do {
            _ = try RowOrder(order, schema: schema)
            Issue.record("'\(order)' is accepted")
        } catch {
            #expect(error.message == message)
        }
    }
}
