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
        guard var found = DistinctNumbers(numbers, limit: limit) else { return nil }
        let sorted = radixSorted(
            found.keys.enumerated().map { CodedKey(key: $0.element, code: UInt32($0.offset)) })
        var ranks = [UInt32](repeating: 0, count: sorted.count)
        for (rank, entry) in sorted.enumerated() { ranks[Int(entry.code)] = UInt32(rank) }
        let width = MemoryLayout<T>.size
        var page: [UInt8] = []
        unsafe page.append(upTo: sorted.count * width) { output in
            for (rank, entry) in sorted.enumerated() {
                // Safe: there is room for `width` bytes for each entry.
                unsafe output.storeBytes(
                    of: T(orderKey: entry.key), toByteOffset: rank * width, as: T.self)
            }
            return sorted.count * width
        }
        found.renumber(ranks)
        self.init(codes: found.codes, count: sorted.count, page: page)
    }

    private init(codes: [UInt32], count: Int, page: [UInt8]) {
        self.codes = codes
        self.count = count
        self.page = page
    }
}

/// A distinct number and its code.
private struct CodedKey<Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>: RadixItem {
    let key: Key
    let code: UInt32

    var first: UInt64 { Key.bitWidth > 64 ? UInt64(truncatingIfNeeded: key >> 64) : 0 }
    var second: UInt64 { UInt64(truncatingIfNeeded: key) }
}

/// The distinct numbers of a chunk, each with a code in order of first sight.
private struct DistinctNumbers<T: OrderedNumber> {
    private(set) var keys: [T.Key] = []
    /// The code of each value of the chunk.
    private(set) var codes: [UInt32] = []
    // Open addressing, at most half full; 0 is free, else code + 1.
    private var slots = [UInt32](repeating: 0, count: 1 << 10)
    private var shift = UInt64(64 - 10)

    /// Nil past `limit` of them.
    @inline(__always)
    init?(_ numbers: Span<T>, limit: Int) {
        guard numbers.count > 0 else { return }
        // Safe: every value's code is written before the array has it.
        codes = unsafe [UInt32](unsafeUninitializedCapacity: numbers.count) { output, written in
            var last = numbers[0].orderKey
            var code = self.code(of: last)
            for index in 0..<numbers.count {
                let key = numbers[index].orderKey
                if key != last {
                    code = self.code(of: key)
                    last = key
                    if keys.count > limit { break }
                }
                unsafe output[index] = code
                written = index + 1
            }
        }
        if codes.count < numbers.count || keys.count > limit { return nil }
    }

    /// The code of a number, new or known.
    @inline(__always)
    private mutating func code(of key: T.Key) -> UInt32 {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: mixed(T.folded(key)) &>> shift)
        // Safe: the mask keeps places among the slots, and a slot's code is that of a key.
        let found = unsafe slots.withUnsafeBufferPointer { slots in
            unsafe keys.withUnsafeBufferPointer { keys in
                while true {
                    let slot = unsafe slots[place]
                    if slot == 0 { return slot }
                    if unsafe keys[Int(slot) - 1] == key { return slot }
                    place = (place + 1) & mask
                }
            }
        }
        if found > 0 { return found - 1 }
        keys.append(key)
        slots[place] = UInt32(keys.count)
        if keys.count * 2 > slots.count { grow() }
        return UInt32(keys.count - 1)
    }

    private mutating func grow() {
        shift -= 1
        var larger = [UInt32](repeating: 0, count: slots.count * 2)
        for (code, key) in keys.enumerated() {
            var place = Int(truncatingIfNeeded: mixed(T.folded(key)) &>> shift)
            while larger[place] != 0 { place = (place + 1) & (larger.count - 1) }
            larger[place] = UInt32(code + 1)
        }
        slots = larger
    }

    /// Gives each code another number.
    mutating func renumber(_ numbers: [UInt32]) {
        precondition(numbers.count == keys.count, "a number for each code")
        unsafe codes.withUnsafeMutableBufferPointer { codes in
            unsafe numbers.withUnsafeBufferPointer { numbers in
                // Safe: a code is below the number of keys.
                for index in codes.indices { unsafe codes[index] = numbers[Int(codes[index])] }
            }
        }
    }
}

/// Fibonacci hashing; the fold brings a double's high bits, where its variety is, down first.
@inline(__always)
private func mixed(_ key: UInt64) -> UInt64 {
    (key ^ (key &>> 32)) &* 0x9e37_79b9_7f4a_7c15
}

/// A number with an unsigned key that orders as it does and gives it back bit for bit; in memory
/// it is what PLAIN has, low byte first.
protocol OrderedNumber: BitwiseCopyable {
    associatedtype Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable = UInt64

    var orderKey: Key { get }
    init(orderKey: Key)
    /// A key in 64 bits, for hashing.
    static func folded(_ key: Key) -> UInt64
}

extension OrderedNumber where Key == UInt64 {
    @inline(__always) static func folded(_ key: UInt64) -> UInt64 { key }
}

extension Int32: OrderedNumber {
    @inline(__always) var orderKey: UInt64 { Int64(self).orderKey }
    init(orderKey: UInt64) { self = Int32(truncatingIfNeeded: Int64(orderKey: orderKey)) }
}

extension Int64: OrderedNumber {
    @inline(__always) var orderKey: UInt64 { UInt64(bitPattern: self) ^ (1 << 63) }
    init(orderKey: UInt64) { self = Int64(bitPattern: orderKey ^ (1 << 63)) }
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
}

/// A decimal of 16 bytes, high byte first.
struct BigEndian128: OrderedNumber {
    private let stored: Int128

    var orderKey: UInt128 { UInt128(bitPattern: Int128(bigEndian: stored)) ^ (1 << 127) }
    init(orderKey: UInt128) { stored = Int128(bitPattern: orderKey ^ (1 << 127)).bigEndian }
    static func folded(_ key: UInt128) -> UInt64 {
        UInt64(truncatingIfNeeded: key) ^ UInt64(truncatingIfNeeded: key >> 64)
    }
}
