import Columnar
import Storage
import TestSupport
import TickLog

/// The files of a log as bytes, to be damaged and opened again.
struct LogFiles {
    var contents: [String: [UInt8]] = [:]

    /// The files of the log on a machine.
    init(_ files: SimulatedFileSystem) throws {
        for entry in try files.list(logPath) where entry.name != "LOCK" {
            contents[entry.name] = try files.read(logPath.appending(entry.name), maxBytes: 1 << 30)
        }
    }

    /// A new machine with these files, all durable.
    func machine() throws -> SimulatedFileSystem {
        let files = SimulatedFileSystem()
        try files.createDirectories(logPath)
        for (name, bytes) in contents {
            try files.createAtomically(
                logPath.appending(name), mode: .createNew, contents: bytes)
        }
        return files
    }

    /// The names of the segments in order.
    var segments: [String] { contents.keys.filter { $0.hasSuffix(".arrows") }.sorted() }

    subscript(_ name: String) -> [UInt8] {
        get { contents[name] ?? [] }
        set { contents[name] = newValue }
    }
}

/// A log with one column beside the time, for tests that go through all its bytes.
enum Small {
    static let schema = Schema([
        Field("event_time", .timestamp, isNullable: false), Field("symbol", .string),
    ])

    static func rows(_ range: Range<Int>) -> RecordBatch {
        RecordBatch(
            schema,
            rows: range.map { [.timestamp(Int64($0) * 1_000), .string($0 % 2 == 0 ? "A" : "B")] })
    }

    static func create(_ files: SimulatedFileSystem, uuid: String? = nil) throws {
        try TickLogWriter.create(
            logPath, schema: schema, timeColumn: "event_time", uuid: uuid, files)
    }
}

/// A reader of a log that a machine comes back with: mended first, as `openLog` of the command
/// line does.
func mendedReader(_ files: any FileSystem) throws(TickLogError) -> TickLogReader {
    TickLogWriter.mend(logPath, files)
    return try TickLogReader(logPath, files)
}

/// The code of the error that the work throws, or `nil`.
func code(_ work: () throws -> Void) -> TickLogError.Code? {
    do {
        try work()
        return nil
    } catch {
        return (error as? TickLogError)?.code
    }
}
