import Columnar
import ConnectorAPI
import Connectors
import Jobs
import Storage
import TestSupport
import Testing

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

    private func feed<Spec>(
        _ make: (Spec) -> FeedSpec, _ spec: Spec, _ change: (inout Spec) -> Void = { _ in }
    ) throws -> any Feed {
        var spec = spec
        change(&spec)
        return try make(spec).makeFeed(files: files)
    }

    /// An identity is stored in the log: it is the same in every process.
    @Test func identitiesAreKnown() throws {
        let identities = [
            try feed(FeedSpec.csv, Self.csv), try feed(FeedSpec.json, Self.json),
            try feed(FeedSpec.simulator, SimulatorSpec()),
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
            try feed(FeedSpec.csv, Self.csv).identityText,
            try feed(FeedSpec.json, Self.json).identityText,
        ]
        for change in columnChanges {
            identities.append(
                try feed(FeedSpec.csv, Self.csv) { change(&$0.columns[1]) }.identityText)
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
            identities.append(try feed(FeedSpec.csv, Self.csv, change).identityText)
        }
        let marketChanges: [(inout SimulatorSpec) -> Void] = [
            { _ in }, { $0.symbols.reverse() }, { $0.start = .now }, { $0.start = .at(micros: 0) },
            { $0.intervalMicros = 1 }, { $0.startPrice = 1 }, { $0.startPrices = ["IBM": 1] },
            { $0.priceModel = .gaussian }, { $0.volatility = 0.01 }, { $0.spread = 0.04 },
            { $0.lotSize = 1 }, { $0.outOfOrderShare = 0.5 }, { $0.outOfOrderMaxMicros = 1 },
            { $0.seed = 2 },
        ]
        for change in marketChanges {
            identities.append(try feed(FeedSpec.simulator, SimulatorSpec(), change).identityText)
        }
        #expect(Set(identities).count == identities.count)
    }

    /// How much of the rows is read, how fast, and what becomes of rejects is not content.
    @Test func whatIsNoContentKeepsTheIdentity() throws {
        let rejecting = try feed(FeedSpec.csv, Self.csv) {
            $0.input.rejectsMaxShare = 1
            $0.input.rejectsPath = "elsewhere"
        }
        #expect(try rejecting.identityText == feed(FeedSpec.csv, Self.csv).identityText)
        let paced = try feed(FeedSpec.simulator, SimulatorSpec()) {
            $0.ticks = 7
            $0.ticksPerSecond = 100
        }
        #expect(try paced.identityText == feed(FeedSpec.simulator, SimulatorSpec()).identityText)
        let piped = try feed(FeedSpec.csv, Self.csv) { $0.input.paths = ["-"] }
        #expect(piped.replay == .never)
    }

    /// The log a job creates has the columns that the feed then gives.
    @Test func schemasAreThoseOfTheJob() throws {
        for spec in [.csv(Self.csv), .json(Self.json), FeedSpec.simulator(SimulatorSpec())] {
            let feed = try spec.makeFeed(files: files)
            #expect(feed.schema == spec.schema && feed.eventTime == spec.eventTime)
            let time = try #require(feed.schema.index(of: feed.eventTime))
            #expect(!feed.schema[time].isNullable)
        }
    }

    @Test func specsThatCannotWorkAreLocated() {
        let csvFaults: [(String, (inout CSVSpec) -> Void)] = [
            ("csv.paths", { $0.input.paths = [] }),
            ("csv.rejects.maxShare", { $0.input.rejectsMaxShare = .nan }),
            ("csv.maxRecordBytes", { $0.input.maxRecordBytes = 0 }),
            ("csv", { $0.quote = $0.delimiter }), ("csv", { $0.delimiter = "·" }),
            ("csv.fieldCount", { $0.fieldCount = 0 }), ("csv.columns", { $0.columns = [] }),
            ("csv.columns", { $0.columns.append($0.columns[0]) }),
            ("csv.columns", { $0.eventTime = "tmie" }), ("csv.columns", { $0.eventTime = "price" }),
            ("csv.columns.time", { $0.hasHeader = false }),
            ("csv.columns.price", { $0.columns[1].origin = .index(-1) }),
            ("csv.columns.price", { $0.columns[1].origin = .fileDate }),
            ("csv.columns.price", { $0.columns[1].scale = 0 }),
            ("csv.columns.time", { $0.columns[0].scale = 10 }),
        ]
        for (location, change) in csvFaults {
            let fault = #expect(throws: ConnectorError.self) {
                try feed(FeedSpec.csv, Self.csv, change)
            }
            #expect(fault?.code == "badOptions" && fault?.place == location)
        }
        let jsonFaults: [(String, (inout JSONLinesSpec) -> Void)] = [
            ("json.paths", { $0.input.paths = [] }),
            ("json.fields", { $0.eventTime = "tmie" }),
            ("json.fields.price", { $0.columns[1].origin = .index(1) }),
            ("json.fields.price", { $0.columns[1].origin = .field("trade..price") }),
        ]
        for (location, change) in jsonFaults {
            let fault = #expect(throws: ConnectorError.self) {
                try feed(FeedSpec.json, Self.json, change)
            }
            #expect(fault?.code == "badOptions" && fault?.place == location)
        }
    }
}
