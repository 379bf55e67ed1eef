import Columnar
import ConnectorAPI
import Decoding
import SimulatorConnector
import Testing

@Suite struct SimulatorTests {
    /// A market with a tick each millisecond.
    private func spec(_ configure: (inout SimulatorSpec) -> Void) -> SimulatorSpec {
        var spec = SimulatorSpec()
        spec.intervalMicros = 1_000
        configure(&spec)
        return spec
    }

    /// The ticks of a seed are the same forever and everywhere; these come from an implementation
    /// in another language.
    @Test func knownTicks() throws {
        let feed = try SimulatorFeed(spec { $0.seed = 7 })
        let rows = try #require(try feed.nextBatch(1_001)).rows
        let known: [[Value]] = [
            [
                .string("TSLA"), .timestamp(1_767_623_400_000_000), .double(100.01), .long(600),
                .double(100.0),
                .double(100.02),
            ],
            [
                .string("TSLA"), .timestamp(1_767_623_400_001_000), .double(100.01), .long(400),
                .double(100.0),
                .double(100.02),
            ],
            [
                .string("IBM"), .timestamp(1_767_623_400_002_000), .double(99.97), .long(300),
                .double(99.96),
                .double(99.98),
            ],
            [
                .string("IBM"), .timestamp(1_767_623_401_000_000), .double(99.63), .long(400),
                .double(99.61),
                .double(99.63),
            ],
        ]
        #expect([0, 1, 2, 1_000].map { rows.row($0) } == known)
    }

    @Test(arguments: [1, 7, 100, 4_096])
    func resumeAtEveryPosition(batchRows: Int) throws {
        let market = spec {
            $0.ticks = 500
            $0.outOfOrderShare = 0.3
            $0.outOfOrderMaxMicros = 5_000_000
        }
        let whole = drain(try SimulatorFeed(market)).rows
        #expect(whole.count == 500)
        let feed = try SimulatorFeed(market)
        var seen = 0
        while let batch = try feed.nextBatch(batchRows) {
            seen += batch.rows.count
            let resumed = try SimulatorFeed(market)
            try resumed.resume(from: batch.position)
            #expect(drain(resumed).rows == Array(whole[seen...]))
        }
        #expect(seen == 500)
    }

    @Test(arguments: [SimulatorSpec.PriceModel.geometric, .gaussian])
    func ticksAreAMarket(model: SimulatorSpec.PriceModel) throws {
        let feed = try SimulatorFeed(
            spec {
                $0.ticks = 50_000
                $0.priceModel = model
                $0.volatility = model == .geometric ? 0.0005 : 0.05
                $0.startPrices = ["IBM": 181.5]
            })
        let rows = drain(feed, maxRows: 50_000).rows
        var counts: [String: Int] = [:]
        for (index, row) in rows.enumerated() {
            guard case .string(let symbol) = row[0], case .timestamp(let time) = row[1],
                case .double(let price) = row[2], case .long(let volume) = row[3],
                case .double(let bid) = row[4], case .double(let ask) = row[5]
            else {
                Issue.record("a tick of other types")
                return
            }
            counts[symbol, default: 0] += 1
            #expect(time == 1_767_623_400_000_000 + Int64(index) * 1_000)
            #expect(bid <= price && price <= ask && bid >= 0.01)
            #expect((price * 100).rounded() / 100 == price)
            #expect(abs(ask - bid - 0.02) < 1e-9)
            #expect(volume >= 100 && volume % 100 == 0)
            #expect(price > 50 && price < 300)
        }
        #expect(counts.count == 5 && counts.values.allSatisfy { $0 > 9_000 && $0 < 11_000 })
    }

    @Test func theShareOfLateTicksIsAsAsked() throws {
        let feed = try SimulatorFeed(
            spec {
                $0.ticks = 20_000
                $0.outOfOrderShare = 0.25
                $0.outOfOrderMaxMicros = 3_000_000
            })
        let times = drain(feed, maxRows: 20_000).rows.map { row -> Int64 in
            if case .timestamp(let time) = row[1] { time } else { 0 }
        }
        let lateness = times.enumerated().map {
            1_767_623_400_000_000 + Int64($0.offset) * 1_000 - $0.element
        }
        let late = lateness.count { $0 > 0 }
        #expect(late > 4_500 && late < 5_500)
        #expect(lateness.allSatisfy { $0 >= 0 && $0 <= 3_000_000 })
        #expect((lateness.max() ?? 0) > 2_900_000)
    }

    @Test func damagedPositionsAreRefused() throws {
        let market = spec { $0.ticks = 10 }
        let position = try #require(try SimulatorFeed(market).nextBatch(1)?.position).text
        for damaged in [
            "", "v2" + position.dropFirst(2), String(position.dropLast()), position + "0",
            position.replacing("v1 1 ", with: "v1 -1 "),
            String(position.dropLast(16)) + "7ff0000000000000",
        ] {
            #expect(throws: ConnectorError.self) {
                try SimulatorFeed(market).resume(from: FeedPosition(damaged))
            }
        }
    }
}
