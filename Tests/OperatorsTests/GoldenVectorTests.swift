import Columnar
import Expressions
import Operators
import Testing

/// The golden vectors of the semantics, section 19: tumbling windows of 5 s, a delay of 10 s, a
/// count.
///
/// Times are in seconds.
@Suite struct GoldenVectorTests {
    static let input = Schema([Field("ts", .timestamp)])

    private func driver(
        _ mode: OutputMode, delaySeconds: Int64 = 10, noDataBatches: Bool = true,
        groupBy: String = "window(ts, '5 seconds')"
    ) throws -> QueryDriver {
        let key = groupBy == "ts" ? "ts" : "window.start AS start"
        var options = QueryDriver.Options()
        options.noDataBatches = noDataBatches
        options.restores = true
        return try QueryDriver(
            QueryText(groupBy: [groupBy], select: [key, "count(*) AS count"]), mode: mode,
            input: Self.input, eventTime: "ts", delayMs: delaySeconds * 1_000, options: options)
    }

    private func add(_ driver: inout QueryDriver, _ times: Int64...) throws -> [[Int64]] {
        pairs(try driver.add(times.map { [seconds($0)] }))
    }

    private func pairs(_ rows: [[Value]]) -> [[Int64]] {
        rows.map { row in
            row.map { value in
                switch value {
                case .timestamp(let micros): micros / 1_000_000
                case .long(let count): count
                default: -1
                }
            }
        }
    }

    private func lateGroups(_ driver: QueryDriver) -> Int {
        driver.outputs.reduce(0) { $0 + $1.counters.rowsDropped }
    }

    @Test func g1Append() throws {
        var driver = try driver(.append)
        #expect(try add(&driver, 10, 11, 12, 13, 14, 15) == [])
        #expect(try add(&driver, 25) == [[10, 5]])
        #expect(driver.outputs.last?.counters.stateRows == 2)
        #expect(try add(&driver, 10) == [])
        #expect(driver.outputs.last?.counters.stateRows == 2)
        #expect(lateGroups(driver) == 1)
        #expect(driver.lateSequences == [7])
    }

    @Test func g2Update() throws {
        var driver = try driver(.update)
        #expect(try add(&driver, 10, 11, 12, 13, 14, 15) == [[10, 5], [15, 1]])
        #expect(try add(&driver, 25) == [[25, 1]])
        #expect(driver.outputs.last?.counters.stateRows == 2)
        #expect(try add(&driver, 10, 25) == [[25, 2]])
        #expect(try add(&driver, 10) == [])
        #expect(lateGroups(driver) == 2)
    }

    @Test func g3Complete() throws {
        var driver = try driver(.complete)
        #expect(try add(&driver, 10, 11, 12) == [[10, 3]])
        #expect(try add(&driver, 25) == [[10, 3], [25, 1]])
        #expect(try add(&driver, 25) == [[10, 3], [25, 2]])
        #expect(try add(&driver, 10) == [[10, 4], [25, 2]])
        #expect(lateGroups(driver) == 0)
    }

    @Test func g4NoDataBatchesOff() throws {
        var driver = try driver(.append, noDataBatches: false)
        #expect(try add(&driver, 10, 11, 12, 13, 14, 15) == [])
        #expect(try add(&driver, 25) == [])
    }

    @Test func g5Once() throws {
        var driver = try driver(.append, noDataBatches: false)
        var watermarks: [Int64] = []
        var emitted: [[[Int64]]] = []
        for times in [[15], [10, 12, 14], [25], [50], [50]] as [[Int64]] {
            watermarks.append(driver.tracker.watermarkMs / 1_000)
            emitted.append(pairs(try driver.runBatch(times.map { [seconds($0)] })))
        }
        #expect(watermarks == [0, 5, 5, 15, 40])
        #expect(emitted == [[], [], [], [[10, 3]], [[15, 1], [25, 1]]])
    }

    @Test func g6EventTimeStatistics() throws {
        var driver = try driver(.append, noDataBatches: false)
        _ = try add(&driver, 15)
        #expect(driver.lastRanWithMs == 0)
        _ = try add(&driver, 10, 12, 14)
        #expect(driver.lastRanWithMs == 5_000)
        #expect(driver.statistics.minMs == 10_000)
        #expect(driver.statistics.maxMs == 14_000)
        #expect(driver.statistics.avgMs == 12_000)
        _ = try add(&driver, 25)
        #expect(driver.lastRanWithMs == 5_000)
        #expect(pairs(try driver.runBatch([[Value]]())) == [[10, 3]])
    }

    @Test func g8RawEventTimeKey() throws {
        var driver = try driver(.append, groupBy: "ts")
        #expect(try add(&driver, 10) == [])
        #expect(try add(&driver, 25) == [[10, 1]])
        #expect(try add(&driver, 15) == [])
        #expect(lateGroups(driver) == 1)
    }

    /// The late watermark is the one before: a row is accepted into a window that closes in the
    /// same batch.
    @Test func d1TwoWatermarks() throws {
        var driver = try driver(.append, noDataBatches: false)
        #expect(try add(&driver, 15) == [])
        #expect(try add(&driver, 25) == [])
        #expect(try add(&driver, 10) == [[10, 1]])

        var idle = try self.driver(.append)
        #expect(try add(&idle, 15) == [])
        #expect(try add(&idle, 25) == [])
        #expect(try add(&idle, 10) == [])
        #expect(lateGroups(idle) == 1)
    }

    @Test func d2NoDelay() throws {
        var driver = try driver(.append, delaySeconds: 0, groupBy: "ts")
        #expect(try add(&driver, 100) == [[100, 1]])
        #expect(try add(&driver, 100) == [])
        #expect(lateGroups(driver) == 1)
    }

    @Test func d3Epoch() throws {
        var driver = try driver(.append, groupBy: "ts")
        #expect(try add(&driver, 0, -1, 1) == [])
        #expect(driver.outputs[0].counters.rowsDropped == 2)
        #expect(driver.outputs[0].counters.stateRows == 1)
    }

    @Test func d4FutureRow() throws {
        var driver = try driver(.append)
        let now: Int64 = 1_000_000
        #expect(try add(&driver, now) == [])
        #expect(try add(&driver, now + 86_400) == [[now, 1]])
        #expect(try add(&driver, now + 1, now + 60, now + 3_600) == [])
        #expect(lateGroups(driver) == 3)
    }

    /// G7: the uncommitted batch is run again with other data, and restarts lose nothing.
    @Test func g7Recovery() throws {
        var driver = try driver(.append)
        _ = try add(&driver, 10, 11, 12, 13, 14, 15)
        #expect(try add(&driver, 25) == [[10, 5]])
        #expect(try add(&driver, 10, 27, 30) == [[15, 1]])
        #expect(driver.tracker.watermarkMs == 20_000)
        #expect(try add(&driver, 17) == [])
        #expect(try add(&driver, 40) == [[25, 2]])
    }
}
