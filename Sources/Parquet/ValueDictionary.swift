import Columnar

/// The distinct values of a chunk in ascending order, and each value's place among them.
struct ValueDictionary {
    let codes: [UInt32]
    let count: Int
    /// The values, PLAIN: the dictionary page.
    let page: [UInt8]

    /// Bits a code takes, one at least: not every reader takes zero.
    var codeWidth: Int { max(1, bitWidth(of: UInt64(max(count, 1) - 1))) }

    /// More distinct values than this make a page that no reader wants to keep in memory.
    private static let entriesMax = 131_072

    /// Nil when the type has no dictionary or the values are too many.
    ///
    /// Unless it is `forced`, a dictionary of more than half the values is not worth its page.
    init?(_ values: ChunkValues, forced: Bool = false) {
        guard values.count > 0 else { return nil }
        let limit = forced ? Self.entriesMax : min(Self.entriesMax, max(16, values.count / 2))
        switch values.storage {
        case .booleans: return nil
        case .fixed(let buffer): self.init(distinctIn: buffer.span(of: BigEndian128.self), limit)
        case .int32s(let buffer): self.init(distinctIn: buffer.span(of: Int32.self), limit)
        case .int64s(let buffer): self.init(distinctIn: buffer.span(of: Int64.self), limit)
        case .doubles(let buffer): self.init(distinctIn: buffer.span(of: Double.self), limit)
        case .strings(let strings):
            guard strings.isSorted else { return nil }
            let source = strings.codes.span(of: Int32.self)
            var page: [UInt8] = []
            for entry in 0..<strings.entries.count {
                unsafe page.append(plain: strings.entries.unsafeBytes(at: entry))
            }
            self.init(
                codes: (0..<values.count).map { UInt32(bitPattern: source[$0]) },
                count: strings.entries.count, page: page)
        }
    }

    private init?<T: OrderedNumber>(distinctIn numbers: Span<T>, _ limit: Int) {
        guard let (order, firstCodes) = numberDistinct(numbers, limit: limit) else { return nil }
        let sorted = order.indices.sorted { order[$0] < order[$1] }
        var ranks = [UInt32](repeating: 0, count: order.count)
        for (rank, number) in sorted.enumerated() { ranks[number] = UInt32(rank) }
        var page: [UInt8] = []
        page.reserveCapacity(order.count * MemoryLayout<T>.size)
        for number in sorted { T(orderKey: order[number]).appendPlain(to: &page) }
        self.init(codes: firstCodes.map { ranks[Int($0)] }, count: order.count, page: page)
    }

    private init(codes: [UInt32], count: Int, page: [UInt8]) {
        self.codes = codes
        self.count = count
        self.page = page
    }
}

/// Gives each distinct number a code in order of first sight; nil past `limit` of them.
@inline(__always)
private func numberDistinct<T: OrderedNumber>(
    _ numbers: Span<T>, limit: Int
) -> (keys: [T.Key], codes: [UInt32])? {
    // Open addressing, at most half full; 0 is free, else code + 1.
    var slots = [UInt32](repeating: 0, count: 1 << 10)
    var shift = UInt64(64 - 10)
    var keys: [T.Key] = []
    var codes: [UInt32] = []
    codes.reserveCapacity(numbers.count)
    for index in 0..<numbers.count {
        let key = numbers[index].orderKey
        var slot = Int(truncatingIfNeeded: mixed(T.folded(key)) &>> shift)
        while slots[slot] != 0 && keys[Int(slots[slot]) - 1] != key {
            slot = (slot + 1) & (slots.count - 1)
        }
        if slots[slot] == 0 {
            guard keys.count < limit else { return nil }
            keys.append(key)
            slots[slot] = UInt32(keys.count)
            codes.append(UInt32(keys.count - 1))
            if keys.count * 2 > slots.count {
                shift -= 1
                slots = rehashed(keys, of: T.self, slotCount: slots.count * 2, shift: shift)
            }
        } else {
            codes.append(slots[slot] - 1)
        }
    }
    return (keys, codes)
}

@inline(__always)
private func rehashed<T: OrderedNumber>(
    _ keys: [T.Key], of type: T.Type, slotCount: Int, shift: UInt64
) -> [UInt32] {
    var slots = [UInt32](repeating: 0, count: slotCount)
    for (code, key) in keys.enumerated() {
        var slot = Int(truncatingIfNeeded: mixed(T.folded(key)) &>> shift)
        while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
        slots[slot] = UInt32(code + 1)
    }
    return slots
}

/// Fibonacci hashing; the fold brings a double's high bits, where its variety is, down first.
@inline(__always)
private func mixed(_ key: UInt64) -> UInt64 {
    (key ^ (key &>> 32)) &* 0x9e37_79b9_7f4a_7c15
}

/// A number with an unsigned key that orders as it does and gives it back bit for bit.
protocol OrderedNumber: BitwiseCopyable {
    associatedtype Key: FixedWidthInteger & UnsignedInteger = UInt64

    var orderKey: Key { get }
    init(orderKey: Key)
    func appendPlain(to out: inout [UInt8])
    /// A key in 64 bits, for hashing.
    static func folded(_ key: Key) -> UInt64
}

extension OrderedNumber where Key == UInt64 {
    @inline(__always) static func folded(_ key: UInt64) -> UInt64 { key }
}

extension Int32: OrderedNumber {
    @inline(__always) var orderKey: UInt64 { Int64(self).orderKey }
    init(orderKey: UInt64) { self = Int32(truncatingIfNeeded: Int64(orderKey: orderKey)) }
    func appendPlain(to out: inout [UInt8]) { out.append(littleEndian: self) }
}

extension Int64: OrderedNumber {
    @inline(__always) var orderKey: UInt64 { UInt64(bitPattern: self) ^ (1 << 63) }
    init(orderKey: UInt64) { self = Int64(bitPattern: orderKey ^ (1 << 63)) }
    func appendPlain(to out: inout [UInt8]) { out.append(littleEndian: self) }
}

extension Double: OrderedNumber {
    // IEEE 754's totalOrder: negative NaN first, positive NaN last.
    @inline(__always) var orderKey: UInt64 {
        let bits = bitPattern
        return bits >> 63 == 0 ? bits | (1 << 63) : ~bits
    }
    init(orderKey: UInt64) {
        self.init(bitPattern: orderKey >> 63 == 1 ? orderKey & ~(1 << 63) : ~orderKey)
    }
    func appendPlain(to out: inout [UInt8]) { out.append(littleEndian: bitPattern) }
}

/// A decimal of 16 bytes, high byte first.
struct BigEndian128: OrderedNumber {
    private let stored: Int128

    var orderKey: UInt128 { UInt128(bitPattern: Int128(bigEndian: stored)) ^ (1 << 127) }
    init(orderKey: UInt128) { stored = Int128(bitPattern: orderKey ^ (1 << 127)).bigEndian }
    func appendPlain(to out: inout [UInt8]) { out.append(littleEndian: stored) }
    static func folded(_ key: UInt128) -> UInt64 {
        UInt64(truncatingIfNeeded: key) ^ UInt64(truncatingIfNeeded: key >> 64)
    }
}
