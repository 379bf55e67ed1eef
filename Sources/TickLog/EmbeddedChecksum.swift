import Storage

/// A checksum that lies within the bytes it covers: 16 hexadecimal digits, taken as zeros.
enum EmbeddedChecksum {
    /// What stands in the place of a checksum until it is known.
    static let placeholder = "0000000000000000"

    /// XXH3 of the bytes with the digits at `place` taken as zeros.
    static func checksum(
        of bytes: UnsafeRawBufferPointer, place: Range<Int>, seed: UInt64
    ) -> UInt64 {
        precondition(place.count == 16 && place.upperBound <= bytes.count, "a stamp's place")
        var stream = ChecksumStream(seed: seed)
        // Safe: the precondition has checked that the place lies within the bytes.
        unsafe stream.update(UnsafeRawBufferPointer(rebasing: bytes[..<place.lowerBound]))
        unsafe stream.update(Array(placeholder.utf8).span.bytes)
        unsafe stream.update(UnsafeRawBufferPointer(rebasing: bytes[place.upperBound...]))
        return stream.value
    }

    /// Writes the checksum of the bytes over its placeholder and returns it.
    @discardableResult
    static func write(into bytes: inout [UInt8], at place: Range<Int>, seed: UInt64) -> UInt64 {
        let value = unsafe bytes.withUnsafeBytes {
            unsafe checksum(of: $0, place: place, seed: seed)
        }
        for (index, digit) in zip(place, Checksum.hex(value).utf8) { bytes[index] = digit }
        return value
    }
}
