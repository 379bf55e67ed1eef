/// A table of a flatbuffer from outside: every access is checked against the buffer.
///
/// Nothing is checked ahead: what is never read may be broken. Strings share one budget, so that
/// a small buffer whose references all point to one long string cannot grow in memory.
struct FlatBufferTable: Sendable {
    private let buffer: Buffer
    private let position: Int
    private let vtable: Int
    private let slotCount: Int

    /// The root table of a buffer.
    init(rootOf buffer: Buffer) throws(ArrowError) {
        let root = try Int(Self.load(UInt32.self, buffer, at: 0))
        try self.init(buffer, at: root)
    }

    private init(_ buffer: Buffer, at position: Int) throws(ArrowError) {
        let distance = try Int(Self.load(Int32.self, buffer, at: position))
        let vtable = position - distance
        let vtableBytes = try Int(Self.load(UInt16.self, buffer, at: vtable))
        guard vtableBytes >= 4, vtable + vtableBytes <= buffer.count else { throw Self.broken }
        self.buffer = buffer
        self.position = position
        self.vtable = vtable
        slotCount = (vtableBytes - 4) / 2
    }

    /// A scalar, or `fallback` when the slot is absent.
    func scalar<T: FixedWidthInteger & BitwiseCopyable>(
        _ slot: Int, _ fallback: T
    ) throws(ArrowError) -> T {
        guard let place = try place(slot) else { return fallback }
        return try Self.load(T.self, buffer, at: place)
    }

    /// The table a slot refers to, or `nil` when it is absent.
    func table(_ slot: Int) throws(ArrowError) -> FlatBufferTable? {
        guard let target = try target(slot) else { return nil }
        return try FlatBufferTable(buffer, at: target)
    }

    /// The byte range of a string in the buffer, or `nil` when it is absent.
    func stringRange(_ slot: Int) throws(ArrowError) -> Range<Int>? {
        guard let vector = try vector(slot, elementBytes: 1) else { return nil }
        return vector.start..<(vector.start + vector.count)
    }

    /// A string, or `nil` when it is absent.
    ///
    /// Its bytes are taken from `budget`.
    func string(_ slot: Int, budget: inout Int) throws(ArrowError) -> String? {
        guard let range = try stringRange(slot) else { return nil }
        budget -= range.count
        guard budget >= 0 else { throw Self.broken }
        // Safe: `vector` checked the range.
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer.unsafeBytes[range])
        guard unsafe isValidUTF8(bytes) else {
            throw ArrowError(.malformed, "a name or text in the metadata is not UTF-8")
        }
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// The tables of a vector, or none when it is absent.
    func tables(_ slot: Int) throws(ArrowError) -> [FlatBufferTable] {
        guard let vector = try vector(slot, elementBytes: 4) else { return [] }
        var found: [FlatBufferTable] = []
        found.reserveCapacity(vector.count)
        for index in 0..<vector.count {
            let place = vector.start + index * 4
            let distance = try Int(Self.load(UInt32.self, buffer, at: place))
            found.append(try FlatBufferTable(buffer, at: place + distance))
        }
        return found
    }

    /// A vector of longs.
    func longs(_ slot: Int) throws(ArrowError) -> [Int64] {
        guard let vector = try vector(slot, elementBytes: 8) else { return [] }
        var found: [Int64] = []
        found.reserveCapacity(vector.count)
        for index in 0..<vector.count {
            found.append(try Self.load(Int64.self, buffer, at: vector.start + index * 8))
        }
        return found
    }

    /// The first longs of a vector of structs of three.
    func blockOffsets(_ slot: Int) throws(ArrowError) -> [Int64] {
        guard let vector = try vector(slot, elementBytes: 24) else { return [] }
        var found: [Int64] = []
        found.reserveCapacity(vector.count)
        for index in 0..<vector.count {
            found.append(try Self.load(Int64.self, buffer, at: vector.start + index * 24))
        }
        return found
    }

    /// A vector of structs of two longs.
    func pairs(_ slot: Int) throws(ArrowError) -> [(Int64, Int64)] {
        guard let vector = try vector(slot, elementBytes: 16) else { return [] }
        var found: [(Int64, Int64)] = []
        found.reserveCapacity(vector.count)
        for index in 0..<vector.count {
            let place = vector.start + index * 16
            found.append(
                (
                    try Self.load(Int64.self, buffer, at: place),
                    try Self.load(Int64.self, buffer, at: place + 8)
                ))
        }
        return found
    }

    private func place(_ slot: Int) throws(ArrowError) -> Int? {
        guard slot < slotCount else { return nil }
        let offset = try Int(Self.load(UInt16.self, buffer, at: vtable + 4 + slot * 2))
        return offset == 0 ? nil : position + offset
    }

    private func target(_ slot: Int) throws(ArrowError) -> Int? {
        guard let place = try place(slot) else { return nil }
        return try place + Int(Self.load(UInt32.self, buffer, at: place))
    }

    private func vector(
        _ slot: Int, elementBytes: Int
    ) throws(ArrowError) -> (start: Int, count: Int)? {
        guard let target = try target(slot) else { return nil }
        let count = try Int(Self.load(UInt32.self, buffer, at: target))
        // A count is at most 2³² and a position at most 2³³: neither sum nor product overflows.
        guard target + 4 + count * elementBytes <= buffer.count else { throw Self.broken }
        return (target + 4, count)
    }

    private static func load<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, _ buffer: Buffer, at position: Int
    ) throws(ArrowError) -> T {
        guard position >= 0, position <= buffer.count - MemoryLayout<T>.size else { throw broken }
        // Safe: the guard has checked the bounds; any bit pattern is an integer.
        return unsafe T(
            littleEndian: buffer.unsafeBytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }

    private static var broken: ArrowError {
        ArrowError(.malformed, "the metadata refers to bytes outside of itself")
    }
}
