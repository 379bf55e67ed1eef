import Columnar
import Parquet
import Testing

@Suite struct RoundTripTests {
    static let types: [(DataType, [Value])] = [
        (.boolean, [.boolean(true), .null, .boolean(false), .boolean(true)]),
        (.int, [.int(.min), .null, .int(.max), .int(0), .int(-1)]),
        (.long, [.long(.min), .null, .long(.max), .long(7), .long(8)]),
        (
            .double,
            [
                .double(-0.0), .double(.nan), .null, .double(.infinity), .double(-.infinity),
                .double(.leastNonzeroMagnitude), .double(101.25), .double(0.0),
            ]
        ),
        (
            .decimal(precision: 9, scale: 2),
            [.decimal(unscaled: -999_999_999, scale: 2), .null, .decimal(unscaled: 5, scale: 2)]
        ),
        (
            .decimal(precision: 18, scale: 4),
            [.decimal(unscaled: -5, scale: 4), .null, .decimal(unscaled: 999, scale: 4)]
        ),
        (
            .decimal(precision: 38, scale: 10),
            [
                .decimal(unscaled: 99_999_999_999_999_999_999_999_999_999_999_999_999, scale: 10),
                .null,
                .decimal(unscaled: -99_999_999_999_999_999_999_999_999_999_999_999_999, scale: 10),
            ]
        ),
        (.string, [.string("IBM"), .string(""), .null, .string("caf\u{e9}"), .string("IBM")]),
        (.date, [.date(0), .null, .date(-1), .date(20_458)]),
        (.timestamp, [.timestamp(0), .timestamp(-1), .null, .timestamp(1_767_610_800_123_456)]),
    ]

    func roundTrip(_ batch: RecordBatch, _ options: ParquetOptions) throws -> RecordBatch {
        let bytes = try ParquetWriter.encode(batch, options)
        return try ParquetFile(Buffer(copying: bytes)).read()
    }

    @Test(arguments: types, [1, 7, 1000])
    func valuesComeBack(sample: (DataType, [Value]), repeats: Int) throws {
        let rows = Array(repeating: sample.1, count: repeats).flatMap { $0 }
        let required = rows.filter { !$0.isNull }
        let schema = Schema([Field("value", sample.0)])
        var options = ParquetOptions()
        options.pageRowsMax = 100
        options.rowGroupRowsMax = 1_000
        for values in [rows, required, [.null, .null, .null], []] {
            let batch = RecordBatch(schema, rows: values.map { [$0] })
            let read = try roundTrip(batch, options)
            #expect(read.schema == schema)
            #expect(read.rows == batch.rows)
        }
        let strict = Schema([Field("value", sample.0, isNullable: false)])
        let batch = RecordBatch(strict, rows: required.map { [$0] })
        let read = try roundTrip(batch, options)
        #expect(read.schema == strict)
        #expect(read.rows == batch.rows)
    }
}
