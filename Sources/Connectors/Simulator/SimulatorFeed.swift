public import Columnar
public import ConnectorAPI
import Decoding
public import Storage

/// A simulated market: prices that walk, volumes, bids and asks, and late ticks if wanted.
///
/// Every tick is a function of the seed, its number and the symbol's price before it, computed
/// with integer arithmetic and the four exact operations of IEEE 754 only, so that all machines
/// agree on every bit. The position is the number of the next tick and every symbol's price:
/// `v1 <next tick> <first event time, µs> <price bits, 16 hex digits a symbol>`.
public final class SimulatorFeed: Feed {
    /// Symbol, event time, price, volume, bid and ask; none is ever null.
    public let schema = SimulatorSpec.schema
    /// `event_time`.
    public let eventTime = SimulatorSpec.eventTime
    /// From any tick, by the options that decide the content.
    public let replay: Replay
    /// As the spec says.
    public var pace: Double? { spec.ticksPerSecond }

    private let spec: SimulatorSpec
    private let dictionary: StringDictionary
    private let parameters: TickParameters

    /// The number of the next tick, counting from 0.
    private var nextTick: UInt64 = 0
    private var startMicros: Int64
    /// The price of each symbol, not rounded.
    private var prices: [Double]

    /// The most ticks in one batch, whatever the caller asks for.
    public static let batchRowsMax = 1 << 20

    /// A market before its first tick.
    ///
    /// - Throws: ``ConnectorError`` naming the option.
    public init(_ spec: SimulatorSpec, time: any TimeSource = SystemTime()) throws {
        self.spec = spec
        replay = .from(spec.identity)
        dictionary = try StringDictionary(spec.symbols)
        parameters = TickParameters(spec)
        switch spec.start {
        case .now: startMicros = time.nowMicros()
        case .at(let micros): startMicros = micros
        }
        prices = spec.symbols.map { spec.startPrices[$0] ?? spec.startPrice }
    }

    /// The next ticks, or the end after the last.
    public func next(
        rowsMax: Int, until deadline: MonotonicTime
    ) throws(ConnectorError) -> FeedStep {
        precondition(rowsMax > 0, "a batch has at least one row")
        let left = spec.ticks.map { UInt64($0) - min(UInt64($0), nextTick) } ?? .max
        let timeLeft = UInt64(max(0, timestampMicrosMax - startMicros))
        let representable = timeLeft / UInt64(max(1, spec.intervalMicros))
        let count = Int(
            min(
                left, UInt64(min(rowsMax, Self.batchRowsMax)),
                representable - min(representable, nextTick)))
        guard count > 0 else { return .ended }

        let memory = [4, 8, 8, 8, 8, 8].map { ColumnMemory(byteCount: count * $0) }
        // Safe: each memory has room for `count` values of the type bound here.
        let output = unsafe TickOutput(
            codes: memory[0].base.bindMemory(to: Int32.self, capacity: count),
            times: memory[1].base.bindMemory(to: Int64.self, capacity: count),
            prices: memory[2].base.bindMemory(to: Double.self, capacity: count),
            volumes: memory[3].base.bindMemory(to: Int64.self, capacity: count),
            bids: memory[4].base.bindMemory(to: Double.self, capacity: count),
            asks: memory[5].base.bindMemory(to: Double.self, capacity: count))
        unsafe prices.withUnsafeMutableBufferPointer { state in
            unsafe fillTicks(
                from: nextTick, count: count, start: startMicros, parameters, state: state,
                into: output)
        }
        nextTick += UInt64(count)

        var columns = [
            // Safe: a tick's code is the index of one of the symbols.
            unsafe Column(
                uncheckedCodes: memory[0].buffer(count * 4), dictionary: dictionary, count: count)
        ]
        for index in 1..<6 {
            columns.append(
                Column(schema[index].type, values: memory[index].buffer(count * 8), count: count))
        }
        return .rows(
            FeedBatch(rows: RecordBatch(schema, columns, count: count), position: position))
    }

    private var position: FeedPosition {
        FeedPosition(
            "v1 \(nextTick) \(startMicros) "
                + prices.map { Checksum.hex($0.bitPattern) }.joined())
    }

    /// Goes to the place after a batch that carried this position.
    public func resume(from position: FeedPosition) throws(ConnectorError) {
        let parts = position.text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "v1", let tick = UInt64(parts[1]),
            tick <= UInt64(Int64.max), let start = Int64(parts[2]),
            start.magnitude <= timestampMicrosMax.magnitude,
            parts[3].utf8.count == 16 * prices.count
        else {
            throw ConnectorError(
                "badPosition", "'\(position.text.prefix(80))' is not a position of this simulator",
                fault: .damage)
        }
        var rest = parts[3]
        var restored: [Double] = []
        while !rest.isEmpty {
            guard let bits = Checksum.parseHex(rest.prefix(16)),
                case let price = Double(bitPattern: bits), price > 0,
                price <= SimulatorSpec.pricesMax
            else {
                throw ConnectorError(
                    "badPosition", "a price in the simulator's position is damaged", fault: .damage)
            }
            restored.append(price)
            rest = rest.dropFirst(16)
        }
        nextTick = tick
        startMicros = start
        prices = restored
    }
}
