/// Memory that bytes are written to from the front.
@safe
struct CopyBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        unsafe base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    /// What was written; valid until more is.
    var written: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    mutating func clear() { count = 0 }

    @inline(__always)
    private mutating func reserve(_ bytes: Int) {
        if count &+ bytes > capacity { grow(bytes) }
    }

    @inline(never)
    private mutating func grow(_ bytes: Int) {
        let larger = max(2 * capacity, count + bytes)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe moved.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
        unsafe base = moved
        capacity = larger
    }

    // Safe, all: there is room for what is written.
    @inline(__always)
    mutating func put8(_ value: UInt8) {
        reserve(1)
        unsafe base.storeBytes(of: value, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }
    @inline(__always)
    mutating func put16(_ value: UInt16) {
        reserve(2)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: count, as: UInt16.self)
        count &+= 2
    }
    @inline(__always)
    mutating func put32(_ value: UInt32) {
        reserve(4)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: count, as: UInt32.self)
        count &+= 4
    }
    @inline(__always)
    mutating func put64(_ value: UInt64) {
        reserve(8)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: count, as: UInt64.self)
        count &+= 8
    }
    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        guard let start = bytes.baseAddress else { return }
        unsafe (base + count).copyMemory(from: start, byteCount: bytes.count)
        count &+= bytes.count
    }
}
