import Columnar
import Glibc
import Storage
import TestSupport
import Testing
import TickLog

/// The Swift half of Tests/Interop/test_arrow_streams.py and test_log_segments.py, which set the
/// environment: Python writes, this half reads and writes again, Python compares.
@Suite struct InteropTests {
    static func directory(_ variable: String) -> String? {
        unsafe getenv(variable).map { unsafe String(cString: $0) }
    }

    @Test(
        .enabled(
            if: directory("STREAMER_TEST_ARROW") != nil,
            "SKIPPED: run by Tests/Interop/test_arrow_streams.py"))
    func streamsAreReadAndWrittenAgain() throws {
        let files = POSIXFileSystem()
        let root = try Path(Self.directory("STREAMER_TEST_ARROW") ?? "")
        for entry in try files.list(root) where entry.name.hasSuffix(".in") {
            let name = entry.name.dropLast(3)
            let bytes = try files.read(root.appending(entry.name), maxBytes: 1 << 30)
            func put(_ suffix: String, _ contents: [UInt8]) throws {
                try files.createAtomically(
                    root.appending(name + suffix), mode: .replace, contents: contents)
            }
            do {
                var reader = try ArrowStreamReader(Buffer(copying: bytes))
                let batches = try reader.readAll()
                for (suffix, compression) in [
                    (".plain", .none), (".zstd", .zstd(level: 3)),
                ] as [(String, ArrowCompression)] {
                    let writer = ArrowStreamWriter(reader.schema, compression: compression)
                    try put(suffix, writer.encodeStream(batches))
                }
            } catch let error as ArrowError {
                try put(".error", Array("\(error.code.rawValue) \(error)".utf8))
            }
        }
    }

    @Test(
        .enabled(
            if: directory("STREAMER_TEST_LOG") != nil,
            "SKIPPED: run by Tests/Interop/test_log_segments.py"))
    func aLogIsWritten() throws {
        // The first segment is rewritten, the second sealed, the third live.
        let files = POSIXFileSystem()
        let root = try Path(Self.directory("STREAMER_TEST_LOG") ?? "")
        let path = try root.appending("ticks")
        try TickLogWriter.create(path, schema: Ticks.schema, timeColumn: "event_time", files)
        let writer = try TickLogWriter(path, options: TickLogOptions(groupRowsMax: 100), files)
        for batch in 0..<6 {
            try writer.append(
                Ticks.rows(batch * 250..<batch * 250 + 250),
                producer: ProducerPosition(id: "feed", position: "\(batch)"))
            try writer.sync()
            if batch == 1 || batch == 3 { try writer.seal() }
        }
        try writer.compress(segment: 0)
        let rows = ArrowStreamWriter(Ticks.schema).encodeStream([Ticks.rows(0..<1_500)])
        try files.createAtomically(
            root.appending("rows.arrows"), mode: .createNew, contents: rows)
    }
}
