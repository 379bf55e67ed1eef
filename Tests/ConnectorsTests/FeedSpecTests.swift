import Columnar
import ConnectorAPI
import Decoding
import Registry
import Settings
import SimulatorConnector
import Storage
import TestSupport
import Testing
import TextConnector

/// What a feed makes of its spec before it reads a row.
@Suite struct FeedSpecTests {
    private static let csv = CSVSpec(
        FeedInput(["/ticks/a", "/ticks/b"]),
        columns: [FeedColumn("time", .timestamp), FeedColumn("price", .double)],
        eventTime: "time")
    private static let json = JSONLinesSpec(csv.input, columns: csv.columns, eventTime: "time")

    private let files = SimulatedFileSystem()

    init() throws {
        try files.createDirectories(Path("/ticks"))
        for name in ["a", "b", "c"] {
            try files.createAtomically(
                Path("/ticks").appending(name), mode: .createNew, contents: [])
        }
    }

    private func feed<Spec: FeedSpec>(
        _ spec: Spec, _ change: (inout Spec) -> Void = { _ in }
    ) throws -> any Feed {
        var spec = spec
        change(&spec)
        return try spec.make(FeedPlace(files: files))
    }

    /// An identity is stored in the log: it is the same in every process.
    @Test func identitiesAreKnown() throws {
        let identities = [
            try feed(Self.csv), try feed(Self.json),
            try feed(SimulatorSpec()),
        ].map(\.identityText)
        #expect(
            identities == [
                "csv-7f6060fb4eab3554", "json-a75d306eafbc04d3", "simulator-b741dd53c47d9a93",
            ])
    }

    @Test func contentDecidesTheIdentity() throws {
        let columnChanges: [(inout FeedColumn) -> Void] = [
            { $0.name = "bid" }, { $0.type = .decimal(precision: 18, scale: 2) },
            { $0.origin = .field("bid") }, { $0.origin = .index(1) },
            { $0.origin = .constant("price") }, { $0.isNullable = false },
            { $0.timestampFormat = .epochMillis }, { $0.dateFormat = .basic },
            { $0.timeZone = "+01:00" }, { $0.scale = 10 }, { $0.letterCase = .upper },
        ]
        var identities = [
            try feed(Self.csv).identityText, try feed(Self.json).identityText,
        ]
        for change in columnChanges {
            identities.append(try feed(Self.csv) { change(&$0.columns[1]) }.identityText)
        }
        let changes: [(inout CSVSpec) -> Void] = [
            { $0.input.paths = ["/ticks/a"] }, { $0.input.paths = ["/ticks/a", "/ticks/c"] },
            { $0.input.maxRecordBytes = 100 }, { $0.columns.reverse() },
            { $0.columns.removeLast() },
            {
                $0.columns[1].type = .timestamp; $0.eventTime = "price"
            },
            { $0.delimiter = ";" }, { $0.quote = "'" }, { $0.nullText = "NA" },
            { $0.fieldCount = 2 },
            {
                $0.hasHeader = false;
                for index in 0...1 { $0.columns[index].origin = .index(index) }
            },
        ]
        for change in changes {
            identities.append(try feed(Self.csv, change).identityText)
        }
        let marketChanges: [(inout SimulatorSpec) -> Void] = [
            { _ in }, { $0.symbols.reverse() }, { $0.start = .now }, { $0.start = .at(micros: 0) },
            { $0.intervalMicros = 1 }, { $0.startPrice = 1 }, { $0.startPrices = ["IBM": 1] },
            { $0.priceModel = .gaussian }, { $0.volatility = 0.01 }, { $0.spread = 0.04 },
            { $0.lotSize = 1 }, { $0.outOfOrderShare = 0.5 }, { $0.outOfOrderMaxMicros = 1 },
            { $0.seed = 2 },
        ]
        for change in marketChanges {
            identities.append(try feed(SimulatorSpec(), change).identityText)
        }
        #expect(Set(identities).count == identities.count)
    }

    /// How much of the rows is read, how fast, and what becomes of rejects is not content.
    @Test func whatIsNoContentKeepsTheIdentity() throws {
        let rejecting = try feed(Self.csv) {
            $0.input.rejectsMaxShare = 1
            $0.input.rejectsPath = "elsewhere"
        }
        #expect(try rejecting.identityText == feed(Self.csv).identityText)
        let paced = try feed(SimulatorSpec()) {
            $0.ticks = 7
            $0.ticksPerSecond = 100
        }
        #expect(try paced.identityText == feed(SimulatorSpec()).identityText)
        let piped = try feed(Self.csv) { $0.input.paths = ["-"] }
        #expect(piped.replay == .never)
    }

    /// The log a job creates has the columns that the feed then gives.
    @Test func schemasAreThoseOfTheJob() throws {
        for spec in [Self.csv, Self.json, SimulatorSpec()] as [any FeedSpec] {
            let feed = try spec.make(FeedPlace(files: files))
            let columns = SourceColumns(schema: feed.schema, timeColumn: feed.eventTime)
            #expect(spec.declaredColumns == columns)
            let time = try #require(feed.schema.index(of: feed.eventTime))
            #expect(!feed.schema[time].isNullable)
        }
    }

    /// The settings at fault in a feed's text.
    private func faults(_ text: String) throws -> [String] {
        let read = try SettingsText.read(Array(text.utf8), file: "feed", environment: [:]).text
        var checker = SettingsChecker(read)
        let shapes = ConnectorRegistry.all.feeds.map(\.shape)
        let value = checker.check(read.root, .variants(key: "format", shapes), .here)
        guard let value, checker.faults.found.isEmpty else {
            return checker.faults.found.map(\.pointer)
        }
        var faults = SettingFaults(in: read)
        ConnectorRegistry.all.feed(SettingsReader(value)).check(&faults)
        return faults.found.map(\.pointer)
    }

    static let time = #"{"name": "time", "type": "timestamp"}"#
    static let price = #"{"name": "price", "type": "double"}"#

    /// Every rule of a feed's settings is one of its table or of its check, and names its setting.
    @Test(arguments: [
        ("", [time, price], []),
        (#""paths": []"#, [time], ["/paths"]),
        (#""rejects": {"maxShare": 2}"#, [time], ["/rejects/maxShare"]),
        (#""maxRecordBytes": 0"#, [time], ["/maxRecordBytes"]),
        (#""quote": ",""#, [time], ["/quote"]),
        (#""delimiter": "·""#, [time], ["/delimiter"]),
        (#""fieldCount": 0"#, [time], ["/fieldCount"]),
        ("", [], ["/columns"]),
        ("", [time, price, time], ["/columns/2/name"]),
        ("", [price], ["/eventTime"]),
        ("", [#"{"name": "time", "type": "date"}"#], ["/eventTime"]),
        (
            #""header": false"#, [#"{"name": "time", "type": "timestamp", "from": "t"}"#],
            [
                "/columns/0/from"
            ]
        ),
        ("", [time, #"{"name": "p", "type": "double", "from": -1}"#], ["/columns/1/from"]),
        (
            "", [time, #"{"name": "p", "type": "double", "fromPath": "fileDate"}"#],
            [
                "/columns/1/fromPath"
            ]
        ),
        ("", [time, #"{"name": "p", "type": "double", "scale": 0}"#], ["/columns/1/scale"]),
        ("", [#"{"name": "time", "type": "timestamp", "scale": 10}"#], ["/columns/0/scale"]),
    ])
    func settingsThatCannotWorkAreLocated(
        more: String, columns: [String], pointers: [String]
    ) throws {
        let paths = more.contains("paths") ? "" : #""paths": "a","#
        let text = """
            {"format": "csv", \(paths) "columns": [\(columns.joined(separator: ", "))],
             "eventTime": "time" \(more.isEmpty ? "" : ", \(more)")}
            """
        #expect(try faults(text) == pointers)
    }

    @Test(arguments: [
        (#""symbols": []"#, "/symbols"), (#""symbols": ["A", "A"]"#, "/symbols/1"),
        (#""ticks": -1"#, "/ticks"), (#""volatility": 0.2"#, "/volatility"),
        (#""startPrice": 0"#, "/startPrice"), (#""startPrices": {"IBN": 1}"#, "/startPrices/IBN"),
        (#""outOfOrderShare": 1.5"#, "/outOfOrderShare"), (#""rate": 0"#, "/rate"),
        (#""interval": "25 hours""#, "/interval"),
        (#""outOfOrderMax": "25 hours""#, "/outOfOrderMax"),
    ])
    func marketsThatCannotWorkAreLocated(setting: String, pointer: String) throws {
        #expect(try faults(#"{"format": "simulator", \#(setting)}"#) == [pointer])
    }

    /// The market takes as many symbols as its position has room for, and says so at once.
    @Test func aMarketHasOneLimitOfSymbols() throws {
        func market(_ count: Int) -> String {
            let symbols = (0..<count).map { "\"S\($0)\"" }.joined(separator: ",")
            return #"{"format": "simulator", "symbols": [\#(symbols)]}"#
        }
        #expect(try faults(market(4_000)) == [])
        #expect(try faults(market(4_001)) == ["/symbols"])
        var spec = SimulatorSpec()
        spec.symbols = (0..<4_000).map { "S\($0)" }
        let feed = try spec.make(FeedPlace(files: files))
        let step = try feed.next(rowsMax: 1, until: SystemTime().now)
        guard case .rows(let batch) = step else {
            Issue.record("a market has a first tick")
            return
        }
        #expect(batch.position.text.utf8.count < 1 << 16)
    }
}
