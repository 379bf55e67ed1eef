/// The spec in the units of the inner loop.
struct TickParameters {
    let seed: UInt64
    let symbolCount: UInt64
    let interval: Int64
    let isGeometric: Bool
    /// Standard deviation of a step, over the standard deviation of the raw deviate.
    let stepScale: Double
    /// Half the variance of a geometric step: without it the mean price would rise.
    let drift: Double
    let spreadCents: Int64
    let lotSize: Int64
    /// A tick is late when 32 random bits are below this.
    let lateBelow: UInt64
    let lateMax: UInt64

    init(_ spec: SimulatorSpec) {
        seed = mix(UInt64(bitPattern: spec.seed) &+ 0x9e37_79b9_7f4a_7c15)
        symbolCount = UInt64(spec.symbols.count)
        interval = spec.intervalMicros
        isGeometric = spec.priceModel == .geometric
        stepScale = spec.volatility / deviateSigma
        drift = isGeometric ? spec.volatility * spec.volatility / 2 : 0
        spreadCents = Int64((spec.spread * 100).rounded())
        lotSize = spec.lotSize
        lateBelow = UInt64((spec.outOfOrderShare * 4_294_967_296).rounded())
        lateMax = UInt64(spec.outOfOrderMaxMicros)
    }
}

/// Where the columns of a batch are written.
@unsafe
struct TickOutput {
    let codes: UnsafeMutablePointer<Int32>
    let times: UnsafeMutablePointer<Int64>
    let prices: UnsafeMutablePointer<Double>
    let volumes: UnsafeMutablePointer<Int64>
    let bids: UnsafeMutablePointer<Double>
    let asks: UnsafeMutablePointer<Double>
}

/// SplitMix64's finalizer (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
/// generators"): a bijection that turns a counter into bits that pass for random.
@inline(__always)
private func mix(_ counter: UInt64) -> UInt64 {
    var z = counter
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
}

/// The standard deviation of `popcount(64 bits) - 32 + uniform(-1/2, 1/2)`.
///
/// A binomial of variance
/// 16 smoothed by a uniform of variance 1/12. It is as near to a normal deviate as a simulation
/// needs, reaches beyond 8 sigma, and is exact.
private let deviateSigma = 4.010403137507886

/// Lots of a trade by the number of set bits among 16: a binomial exponent, so nearly log-normal
/// around 4 lots (median), growing by 1.6 a step.
private let lots: [Int64] = [
    1, 1, 1, 1, 1, 1, 2, 3, 4, 6, 10, 17, 27, 43, 69, 110, 176,
]

/// Computes `count` ticks from number `first` on.
///
/// The prices in `state` go on from tick to tick.
///
/// Rounding is to the nearest cent, half up; a price never falls below one cent, nor does a bid.
func fillTicks(
    from first: UInt64, count: Int, start: Int64, _ p: TickParameters,
    state: UnsafeMutableBufferPointer<Double>, into output: TickOutput
) {
    unsafe lots.withUnsafeBufferPointer { lots in
        for row in 0..<count {
            let tick = first &+ UInt64(row)
            // Two counters a tick, so that every tick can be computed without those before it.
            let a = mix(p.seed &+ (tick &* 2 &+ 1) &* 0x9e37_79b9_7f4a_7c15)
            let b = mix(p.seed &+ (tick &* 2 &+ 2) &* 0x9e37_79b9_7f4a_7c15)
            // The high 32 bits of `b` choose the symbol, the low ones smooth the deviate.
            let symbol = Int(truncatingIfNeeded: ((b >> 32) &* p.symbolCount) >> 32)
            let uniform = Double(b & 0xffff_ffff) * 0x1p-32 - 0.5
            let deviate = Double(a.nonzeroBitCount - 32) + uniform

            var price = unsafe state[symbol]
            if p.isGeometric {
                // exp(x) to the second order: x is at most a few thousandths.
                let x = deviate * p.stepScale - p.drift
                price *= 1 + x + x * x * 0.5
            } else {
                price += deviate * p.stepScale
            }
            price = min(max(price, 0.01), SimulatorSpec.pricesMax)
            unsafe state[symbol] = price

            // A third mix, of what the first two gave, decides volume, spread side and lateness.
            let c = mix(a ^ (b << 1 | 1))
            let cents = Int64(price * 100 + 0.5)
            let below = Int64(truncatingIfNeeded: ((c >> 48) &* UInt64(p.spreadCents + 1)) >> 16)
            let bid = max(1, cents - below)
            let size = unsafe lots[(c & 0xffff).nonzeroBitCount]
            let jitter = Int64(truncatingIfNeeded: ((c >> 40 & 0xff) &* UInt64(size)) >> 8)
            var time = start &+ Int64(bitPattern: tick) &* p.interval
            if p.lateBelow != 0 {
                let d = mix(c)
                if d >> 32 < p.lateBelow {
                    time -= Int64(mix(d).multipliedFullWidth(by: p.lateMax + 1).high)
                }
            }
            // Safe: row < count, and each column has room for `count` values; the symbol is
            // below symbolCount because 32 bits times it, shifted by 32, is.
            unsafe output.codes[row] = Int32(truncatingIfNeeded: symbol)
            unsafe output.times[row] = time
            unsafe output.prices[row] = Double(cents) / 100
            unsafe output.volumes[row] = (size + jitter) &* p.lotSize
            unsafe output.bids[row] = Double(bid) / 100
            unsafe output.asks[row] = Double(bid + max(p.spreadCents, cents - bid)) / 100
        }
    }
}
