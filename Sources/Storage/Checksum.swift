import CXXHash

/// The project's checksum: XXH3 in 64 bits, at the speed of memory.
///
/// It finds accidents (torn writes, flipped bits, swapped files), not forgery.
public enum Checksum {
    /// XXH3 of some bytes.
    public static func xxh3(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 {
        unsafe bytes.withUnsafeBytes { buffer in unsafe xxh3(buffer, seed: seed) }
    }

    /// XXH3 of some bytes behind a pointer.
    public static func xxh3(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        unsafe cxxhash_xxh3(bytes.baseAddress, bytes.count, seed)
    }

    /// XXH3 of an array's bytes.
    public static func xxh3(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        // Safe: UInt8 has no padding; as everywhere that `bytes` of its span is taken.
        unsafe xxh3(bytes.span.bytes, seed: seed)
    }

    /// A checksum as 16 lower-case hexadecimal digits.
    public static func hex(_ value: UInt64) -> String {
        unsafe String(unsafeUninitializedCapacity: 16) { digits in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15
                let zero = digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10
                unsafe digits[index] = zero + digit
            }
            return 16
        }
    }

    /// The value of exactly 16 lower-case hexadecimal digits, or nil.
    public static func parseHex(_ text: some StringProtocol) -> UInt64? {
        let text = text.utf8
        return text.withContiguousStorageIfAvailable { unsafe parseHex($0.span) }
            ?? parseHex(Array(text).span)
    }

    private static func parseHex(_ digits: Span<UInt8>) -> UInt64? {
        guard digits.count == 16 else { return nil }
        var value: UInt64 = 0
        for index in digits.indices {
            let byte = digits[index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default:
                return nil
            }
        }
        return value
    }
}

/// XXH3 over bytes that arrive in pieces; equal to ``Checksum/xxh3(_:seed:)`` of the whole.
///
/// Unchecked: the state behind the pointer has this one owner and moves with it.
@safe public struct ChecksumStream: ~Copyable, @unchecked Sendable {
    private let state: OpaquePointer

    /// A stream that has seen nothing.
    public init(seed: UInt64 = 0) {
        guard let state = unsafe XXH3_createState() else {
            preconditionFailure("no memory for a checksum's state")
        }
        unsafe self.state = state
        unsafe XXH3_64bits_reset_withSeed(state, seed)
    }

    deinit { _ = unsafe XXH3_freeState(state) }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in unsafe update(buffer) }
    }

    /// Takes in the next bytes, behind a pointer.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // It fails only for a null state.
        _ = unsafe cxxhash_xxh3_update(state, bytes.baseAddress, bytes.count)
    }

    /// The checksum of all bytes so far.
    public var value: UInt64 { unsafe XXH3_64bits_digest(state) }
}
