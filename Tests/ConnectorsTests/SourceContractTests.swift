import Columnar
import ConnectorAPI
import Decoding
import Engine
import FileSources
import JSON
import Lake
import LogConnector
import Parquet
import ParquetConnector
import Settings
import Storage
import Synchronization
import TestSupport
import Testing
import TextConnector
import TickLog

/// Every source keeps what `Source` promises.
@Suite struct SourceContractTests {
    private static let schema = Schema([
        Field("time", .timestamp), Field("symbol", .string), Field("volume", .long),
    ])

    private static func rows(_ numbers: Range<Int64>) -> RecordBatch {
        RecordBatch(
            schema,
            rows: numbers.map {
                [.timestamp(micros($0)), .string("S\($0 % 7)"), .long($0)]
            })
    }

    /// Event times, a second apart.
    private static func micros(_ number: Int64) -> Int64 {
        1_767_600_000_000_000 + number * 1_000_000
    }

    /// What a source is made of.
    private struct Place {
        let time = ManualTime()
        let directory: Path
        let files = POSIXFileSystem()
        let made = Made()

        func appendToLog(_ numbers: Range<Int64>, seals: Bool = false) throws {
            let path = try directory.appending("log")
            if try !files.exists(path) {
                try TickLogWriter.create(path, schema: schema, timeColumn: "time", files)
            }
            let writer = try TickLogWriter(path, files)
            for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 13) {
                let part = start..<min(start + 13, numbers.upperBound)
                try writer.append(rows(part), producer: nil)
            }
            try writer.sync()
            if seals { try writer.seal() }
            try writer.close()
        }

        func log() throws -> LogSource {
            LogSource(try TickLogReader(directory.appending("log"), files), time: time)
        }

        /// A new file of rows, in the order of its name.
        func addFile(_ format: String, _ numbers: Range<Int64>) throws {
            let inputs = try directory.appending("in")
            try files.createDirectories(inputs)
            let path = try inputs.appending("\(made.next()).\(format)")
            switch format {
            case "csv":
                try write(path, "time,symbol,volume\n", numbers) {
                    "\(formatTimestamp(micros: $0)),S\($1 % 7),\($1)\n"
                }
            case "json":
                try write(path, "", numbers) {
                    "{\"time\":\"\(formatTimestamp(micros: $0))\",\"symbol\":\"S\($1 % 7)\","
                        + "\"volume\":\($1)}\n"
                }
            default:
                var writer = ParquetWriter(schema)
                try writer.append(rows(numbers))
                try files.createAtomically(path, mode: .createNew, contents: writer.finish())
            }
        }

        private func write(
            _ path: Path, _ header: String, _ numbers: Range<Int64>,
            _ line: (_ micros: Int64, _ number: Int64) -> String
        ) throws {
            let text = header + numbers.map { line(micros($0), $0) }.joined()
            try files.createAtomically(path, mode: .createNew, text: text)
        }

        func fileSource(_ format: String) throws -> any Source {
            let path = try directory.appending("in").string
            let columns = [
                FeedColumn("time", .timestamp), FeedColumn("symbol", .string),
                FeedColumn("volume", .long),
            ]
            let input = FeedInput([path])
            let spec: any SourceSpec =
                switch format {
                case "csv": TextSourceSpec(CSVSpec(input, columns: columns, eventTime: "time"))
                case "json":
                    TextSourceSpec(JSONLinesSpec(input, columns: columns, eventTime: "time"))
                default:
                    parquetSource.read(
                        SettingsReader(
                            defaultsOf: parquetSource.shape,
                            .object([("path", .string(path))])))
                }
            var place = SourcePlace(
                name: "source", checkpoint: try directory.appending("checkpoint"), files: files,
                time: time)
            place.columns = schema
            return try spec.open(place)
        }
    }

    /// Numbers for names, and for the rows that come next.
    private final class Made: Sendable {
        private let count = Mutex(0)

        func next() -> Int {
            count.withLock {
                $0 += 1
                return 1_000 + $0
            }
        }
    }

    private func inPlace(_ body: (Place) throws -> Void) throws {
        try withTemporaryDirectory { try body(Place(directory: $1)) }
    }

    private static func grow(_ place: Place) throws {
        let next = Int64(place.made.next()) * 10
        try place.appendToLog(next..<next + 5)
    }

    @Test func theLog() throws {
        try inPlace { place in
            try place.appendToLog(0..<40, seals: true)
            try place.appendToLog(40..<100)
            let contract = SourceContract(
                time: place.time, open: place.log, grow: { try Self.grow(place) },
                lose: {
                    let writer = try TickLogWriter(place.directory.appending("log"), place.files)
                    try writer.seal()
                    try writer.retain(bytesMax: 0, neededFrom: .max)
                    try writer.close()
                })
            #expect(try contract.violations() == [])
        }
    }

    @Test(arguments: ["csv", "json", "parquet"])
    func directoriesOfFiles(_ format: String) throws {
        try inPlace { place in
            for start: Int64 in [0, 30, 31, 60] { try place.addFile(format, start..<start + 30) }
            let contract = SourceContract(
                time: place.time, open: { try place.fileSource(format) },
                grow: {
                    let next = Int64(place.made.next()) * 10
                    try place.addFile(format, next..<next + 5)
                },
                lose: {
                    let inputs = try place.directory.appending("in")
                    let first = try place.files.list(inputs).map(\.name).sorted()[0]
                    try place.files.remove(inputs.appending(first))
                })
            #expect(try contract.violations() == [])
        }
    }

    @Test func aLogBehindADirectoryOfHistory() throws {
        try inPlace { place in
            try place.addFile("parquet", 0..<30)
            try place.addFile("parquet", 30..<60)
            try place.appendToLog(50..<100)
            let contract = SourceContract(
                time: place.time,
                open: {
                    try BackfilledSource(
                        history: place.fileSource("parquet"), live: place.log(),
                        untilMicros: Self.micros(55), timeColumn: "time",
                        checkpoint: place.directory.appending("checkpoint"), name: "source",
                        files: place.files)
                }, grow: { try Self.grow(place) })
            #expect(try contract.violations() == [])
        }
    }

    @Test func aLogThatComesAsItCame() throws {
        try inPlace { place in
            try place.appendToLog(0..<60)
            let first = EventTime(micros: Self.micros(0))
            let pace = ReplayPace(
                from: first, through: EventTime(micros: Self.micros(59)), at: first, speed: 1,
                time: place.time)
            let source = PacedSource(try place.log(), pace, time: place.time)
            place.time.sleep(nanos: 10_000_000_000)
            let seen = try source.latest()
            #expect((10...11).contains(seen.only ?? -1))
            let begun = place.time.now
            source.wait(beyond: seen, until: begun.advanced(byNanos: 60_000_000_000))
            #expect(try source.latest() != seen)
            #expect(place.time.now.nanos(since: begun) <= 1_100_000_000, "a row a second")
        }
    }
}
