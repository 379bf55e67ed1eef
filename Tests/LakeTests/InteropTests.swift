import Columnar
import Glibc
import Lake
import Parquet
import Storage
import TestSupport
import Testing

/// Writes the files that Tests/Interop/test_parquet.py gives to independent readers, and reads
/// those that it had independent writers make.
///
/// With STREAMER_INTEROP_DIR set, files appear in that directory: `<case>.parquet` with its
/// values in `<case>.rows`, and for each `foreign/<case>.parquet` a `foreign/<case>.rows` or a
/// `foreign/<case>.error`. Without it everything happens in a temporary directory and is read
/// back here alone.
///
/// A `.rows` file has one line a row, values separated by tabs: `-` for null, numbers in decimal
/// (dates as days, timestamps as µs, decimals unscaled), doubles as 16 hexadecimal digits of
/// their bits, strings and bytes as hexadecimal digits of their bytes after an `s`.
@Suite struct InteropTests {
    static func withDirectory(_ body: (POSIXFileSystem, Path) throws -> Void) throws {
        if let value = unsafe getenv("STREAMER_INTEROP_DIR") {
            try body(POSIXFileSystem(), try Path(unsafe String(cString: value)))
        } else {
            try withTemporaryDirectory { try body($0, $1) }
        }
    }

    static func text(_ value: Value) -> String {
        switch value {
        case .null: "-"
        case .boolean(let value): value ? "1" : "0"
        case .int(let value), .date(let value): String(value)
        case .long(let value), .timestamp(let value): String(value)
        case .double(let value): value.isNaN ? "nan" : Checksum.hex(value.bitPattern)
        case .decimal(let unscaled, _): String(unscaled)
        case .string(let value): hex(Array(value.utf8))
        case .binary(let value): hex(value)
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        "s" + bytes.map { Checksum.hex(UInt64($0)).suffix(2) }.joined()
    }

    static func text(_ batch: RecordBatch) -> String {
        batch.rows.map { $0.map(text).joined(separator: "\t") + "\n" }.joined()
    }

    @Test func writtenFilesAreReadBack() throws {
        try Self.withDirectory { files, directory in
            for sample in InteropSamples.all {
                let bytes = try ParquetWriter.encode(sample.batch, sample.options)
                let read = try ParquetFile(Buffer(copying: bytes)).read()
                #expect(read.schema == sample.batch.schema, "\(sample.name)")
                #expect(Self.text(read) == Self.text(sample.batch), "\(sample.name)")
                try files.createAtomically(
                    try directory.appending("\(sample.name).parquet"), mode: .replace,
                    contents: bytes)
                try files.createAtomically(
                    try directory.appending("\(sample.name).rows"), mode: .replace,
                    text: Self.text(sample.batch))
            }
        }
    }

    @Test func foreignFilesAreRead() throws {
        try Self.withDirectory { files, directory in
            let folder = try directory.appending("foreign")
            guard try files.exists(folder) else { return }
            for entry in try files.list(folder) where entry.name.hasSuffix(".parquet") {
                let name = String(entry.name.dropLast(".parquet".count))
                let bytes = try files.read(try folder.appending(entry.name), maxBytes: 1 << 30)
                let result = Result { () throws(ParquetError) in
                    try ParquetFile(Buffer(copying: bytes)).read()
                }
                switch result {
                case .success(let batch):
                    try files.createAtomically(
                        try folder.appending("\(name).rows"), mode: .replace,
                        text: Self.text(batch))
                case .failure(let error):
                    try files.createAtomically(
                        try folder.appending("\(name).error"), mode: .replace,
                        text: "\(error.code.rawValue)\n\(error)\n")
                }
            }
        }
    }

    @Test func tablesAreReadBack() throws {
        try Self.withDirectory { files, directory in
            let path = try directory.appending("table")
            let schema = Schema([
                Field("symbol", .string), Field("price", .double), Field("date", .date),
                Field("ts", .timestamp),
            ])
            let symbols: [Value] = InteropSamples.hostileStrings.map { .string($0) } + [.null]
            let rows = symbols.enumerated().flatMap { index, symbol in
                (0..<3).map { day in
                    [symbol, .double(Double(index)), .date(20_458 + day), .timestamp(Int64(index))]
                }
            }
            let batch = RecordBatch(schema, rows: rows)
            let owner = TableOwner(checkpointID: "interop", query: "q")
            let table = try LakeTable(
                path, files, owner: owner, schema: schema, partitionBy: ["date", "symbol"])
            try table.publish(try table.stage(batch: 7, rows: batch))
            let read = try LakeReader(path, files).read()
            let expected = rows.map { [$0[1], $0[3], $0[2], $0[0]] }
                .map { row in
                    // Hive has one directory for null and the empty string.
                    row.map { $0 == .string("") ? .null : $0 }.map(Self.text)
                        .joined(separator: "\t")
                }
            let found = read.rows.map { $0.map(Self.text).joined(separator: "\t") }
            #expect(found.sorted() == expected.sorted())
            try files.createAtomically(
                try directory.appending("table.rows"), mode: .replace,
                text: expected.map { $0 + "\n" }.joined())
        }
    }
}
