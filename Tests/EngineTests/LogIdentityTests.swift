import Columnar
import ConnectorAPI
import Engine
import LogConnector
import Storage
import TestSupport
import Testing
import TickLog

/// A job goes on with the log that it has read, and with no other.
@Suite struct LogIdentityTests {
    private let files = SimulatedFileSystem()
    private let path: Path

    init() throws { path = try Path("log/x") }

    private func makeLog(rows: Int64) throws {
        try TickLogWriter.create(path, schema: StreamScript.schema, timeColumn: "ts", files)
        try append(0..<rows)
    }

    private func append(_ seconds: Range<Int64>) throws {
        let writer = try TickLogWriter(path, files)
        let rows: [[Value]] = seconds.map {
            [.timestamp($0 * 1_000_000), .string("k"), .long($0)]
        }
        try writer.append(RecordBatch(StreamScript.schema, rows: rows), producer: nil)
        try writer.sync()
        try writer.close()
    }

    /// A script that reads the log as it is now.
    private func script() throws -> StreamScript {
        let time = ManualTime()
        let log = LogSource(try TickLogReader(path, files), time: time)
        return StreamScript(
            StreamScript.counting(mode: "update"), reading: [log], time: time, files: files)
    }

    private func run() throws -> StreamScript {
        let script = try script()
        try script.run()
        script.stop()
        return script
    }

    @Test func theSameLogIsGoneOnWith() throws {
        try makeLog(rows: 3)
        _ = try run()
        try append(3..<5)
        #expect(try run().events.map(\.sources[0].offsets.only) == [3..<5])
    }

    @Test func aLogMadeAnewIsRefused() throws {
        try makeLog(rows: 3)
        _ = try run()
        try files.removeTree(path)
        // As many rows and more: only the identity tells.
        try makeLog(rows: 9)
        let error = #expect(throws: ConnectorError.self) { try run() }
        #expect(error?.code == "anotherLog" && error?.fault == .damage)
        #expect(error?.description.hasPrefix("log/x: ") == true)
        #expect(error?.message.contains("clear the job's checkpoint") == true)
    }

    @Test func aBatchIsNotRunAgainOnAnotherLog() throws {
        try makeLog(rows: 3)
        _ = try run()
        try append(3..<5)
        let script = try run()
        try files.remove(script.commit(1))
        try files.removeTree(path)
        try makeLog(rows: 9)
        let error = #expect(throws: ConnectorError.self) { try run() }
        #expect(error?.code == "anotherLog")
    }

    @Test func aShorterLogIsRefused() throws {
        try makeLog(rows: 3)
        _ = try run()
        try dropTails(ofBatch: 0)
        try files.removeTree(path)
        try makeLog(rows: 2)
        let error = #expect(throws: ConnectorError.self) { try run() }
        #expect(error?.code == LogSource.sourceTooShort)
    }

    /// A commit that says nothing of the log was made by an older program.
    @Test func anOldCheckpointGoesOnAndKeepsTheIdentityFromThenOn() throws {
        try makeLog(rows: 3)
        _ = try run()
        try dropTails(ofBatch: 0)
        try append(3..<5)
        let script = try run()
        #expect(script.events.map(\.sources[0].offsets.only) == [3..<5])
        try files.removeTree(path)
        try makeLog(rows: 9)
        let error = #expect(throws: ConnectorError.self) { try run() }
        #expect(error?.code == "anotherLog")
    }

    /// Makes a commit what it would be if there were no record of what was read.
    private func dropTails(ofBatch batch: Int64) throws {
        let commit = try Path("ckpt/commits/\(batch)")
        let text = String(decoding: try files.read(commit, maxBytes: 1 << 20), as: UTF8.self)
        let reader = try TickLogReader(path, files)
        let member = "\"tails\":{\"source\":\"\(reader.uuid)\"},"
        try #require(text.contains(member))
        let lines = text.replacing(member, with: "").split(separator: "\n").dropLast()
        let covered = lines.joined(separator: "\n") + "\n"
        let checksum = Checksum.hex(Checksum.xxh3(Array(covered.utf8)))
        try files.createAtomically(commit, mode: .replace, text: covered + "#xxh3:\(checksum)\n")
    }
}
