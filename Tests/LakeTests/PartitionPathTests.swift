import Columnar
import Lake
import Storage
import TestSupport
import Testing

@Suite struct PartitionPathTests {
    /// What Spark 4 makes of these values; NUL alone is our own.
    static let escapes: [(String, String)] = [
        ("IBM", "IBM"), ("a b", "a b"), ("caf\u{e9}", "caf\u{e9}"), ("../../x", "..%2F..%2Fx"),
        ("10:30", "10%3A30"), ("50%", "50%25"), ("a=b", "a%3Db"), ("\u{1}\n\u{1f}", "%01%0A%1F"),
        ("\u{7f}", "%7F"), ("{[^]}", "%7B%5B%5E%5D}"), ("\"#'*?\\", "%22%23%27%2A%3F%5C"),
        ("~;,&|<>@!$()+-_.", "~;,&|<>@!$()+-_."), ("\0", "%00"),
    ]

    @Test(arguments: escapes) func textIsEscapedAsSparkDoes(plain: String, escaped: String) {
        #expect(PartitionPath.escape(plain) == escaped)
        #expect(PartitionPath.unescape(escaped) == plain)
        #expect(PartitionPath.directoryName(column: "c", value: plain) == "c=\(escaped)")
        #expect(PartitionPath.parse("c=\(escaped)")?.value == plain)
    }

    @Test func nullAndEmptyShareADirectory() {
        let name = "a%2Fb=__HIVE_DEFAULT_PARTITION__"
        #expect(PartitionPath.directoryName(column: "a/b", value: nil) == name)
        #expect(PartitionPath.directoryName(column: "a/b", value: "") == name)
        #expect(PartitionPath.parse(name)?.column == "a/b")
        #expect(PartitionPath.parse(name)?.value == .some(nil))
        #expect(PartitionPath.parse("part") == nil)
        #expect(PartitionPath.parse("=x") == nil)
        #expect(PartitionPath.unescape("%zz%4") == "%zz%4")
        #expect(PartitionPath.unescape("%ff") == nil)
    }

    /// Strings of one meaning in Unicode are two values, as for every other reader.
    @Test func normalisationIsNotLost() throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            let schema = Schema([Field("key", .string), Field("n", .long)])
            let table = try LakeTable(
                path, files, owner: TableOwner(checkpointID: "c", query: "q"), schema: schema,
                partitionBy: ["key"])
            let rows: [[Value]] = [
                [.string("caf\u{e9}"), .long(0)], [.string("cafe\u{301}"), .long(1)],
            ]
            let receipts = try table.publish(
                try table.stage(batch: 0, rows: RecordBatch(schema, rows: rows)))
            #expect(receipts.count == 2)
            let read = try LakeReader(path, files).read().rows
            for row in rows { #expect(read.contains([row[1], row[0]])) }
        }
    }

    static let values: [(DataType, [(Value, String)])] = [
        (.boolean, [(.boolean(true), "true"), (.boolean(false), "false")]),
        (.int, [(.int(-5), "-5")]), (.long, [(.long(.max), "9223372036854775807")]),
        (
            .double,
            [
                (.double(1), "1.0"), (.double(-0.0), "-0.0"), (.double(0.001), "0.001"),
                (.double(0.00012), "1.2E-4"), (.double(12_345_678), "1.2345678E7"),
                (.double(9_999_999), "9999999.0"), (.double(1e100), "1.0E100"),
                (.double(.nan), "NaN"), (.double(-.infinity), "-Infinity"),
                (.double(100.25), "100.25"), (.double(-2.5e-7), "-2.5E-7"),
            ]
        ),
        (
            .decimal(precision: 10, scale: 3),
            [
                (.decimal(unscaled: -5, scale: 3), "-0.005"),
                (.decimal(unscaled: 12_345, scale: 3), "12.345"),
            ]
        ),
        (.date, [(.date(20_458), "2026-01-05"), (.date(-1), "1969-12-31")]),
        (
            .timestamp,
            [
                (.timestamp(1_767_610_800_000_000), "2026-01-05 11%3A00%3A00"),
                (.timestamp(-1), "1969-12-31 23%3A59%3A59.999999"),
            ]
        ),
    ]

    @Test(arguments: values)
    func valuesBecomeDirectoriesAndComeBack(type: DataType, cases: [(Value, String)]) throws {
        try withTemporaryDirectory { files, directory in
            let path = try directory.appending("t")
            let schema = Schema([Field("key", type), Field("n", .long)])
            let table = try LakeTable(
                path, files, owner: TableOwner(checkpointID: "c", query: "q"), schema: schema,
                partitionBy: ["key"])
            let rows = cases.enumerated().map { [$1.0, .long(Int64($0))] } + [[.null, .long(-1)]]
            let receipts = try table.publish(
                try table.stage(batch: 0, rows: RecordBatch(schema, rows: rows)))
            let names = Set(receipts.compactMap { $0.path.split(separator: "/").first })
            #expect(
                names
                    == Set(cases.map { "key=\($0.1)" } + ["key=__HIVE_DEFAULT_PARTITION__"]))
            let read = try LakeReader(path, files).read().rows
            #expect(read.count == rows.count)
            for row in rows { #expect(read.contains([row[1], row[0]])) }
        }
    }
}
