/// The distinct or repeated strings that the codes of a string or binary column point into: bytes
/// end to end and `count + 1` offsets, as Arrow's utf8 and binary layouts.
///
/// Entries may repeat; those of a string column are valid UTF-8.
public struct StringDictionary: Sendable {
    /// `count + 1` ascending byte positions in `bytes`, as `Int32`.
    public let offsets: Buffer
    /// The entries' bytes end to end.
    public let bytes: Buffer
    /// The number of entries.
    public let count: Int
    /// Whether no two entries are known to be equal.
    public let areDistinct: Bool

    /// The most bytes that the entries can take.
    public static let byteCountMax = Int(Int32.max)

    /// A dictionary over offsets and bytes whose invariants the caller has established: `offsets`
    /// holds `count + 1` ascending positions inside `bytes`, each entry of text is valid UTF-8, and
    /// with `areDistinct` no two are equal.
    @unsafe
    public init(
        uncheckedOffsets offsets: Buffer, bytes: Buffer, count: Int, areDistinct: Bool = false
    ) {
        precondition(offsets.count >= (count + 1) * 4, "one offset more than entries")
        self.areDistinct = areDistinct
        self.offsets = offsets
        self.bytes = bytes
        self.count = count
    }

    /// A dictionary over offsets and bytes from outside, or `nil` when they are not ascending
    /// positions inside `bytes`, or with `isText` do not cut it into valid UTF-8 entries.
    public init?(
        validatingOffsets offsets: Buffer, bytes: Buffer, count: Int, isText: Bool = true
    ) {
        guard count >= 0, offsets.count / 4 > count, offsets.isAligned(for: Int32.self) else {
            return nil
        }
        let positions = offsets.span(of: Int32.self)
        var last = positions[0]
        guard last >= 0 else { return nil }
        for index in 1..<(count + 1) {
            let next = positions[index]
            guard next >= last else { return nil }
            last = next
        }
        guard Int(last) <= bytes.count else { return nil }
        unsafe self.init(uncheckedOffsets: offsets, bytes: bytes, count: count)
        for index in 0..<count where isText {
            // Checked entry by entry: a character must not be cut by an entry's border.
            guard unsafe isValidUTF8(unsafeBytes(at: index)) else { return nil }
        }
    }

    /// A dictionary of Swift strings, in order, that take at most `byteCountMax` bytes.
    public init(
        _ strings: [String], byteCountMax: Int = Self.byteCountMax
    ) throws(StringsTooLarge) {
        var bytes: [UInt8] = []
        var offsets: [Int32] = [0]
        for string in strings {
            bytes.append(contentsOf: string.utf8)
            guard bytes.count <= byteCountMax else { throw StringsTooLarge() }
            offsets.append(Int32(bytes.count))
        }
        unsafe self.init(
            uncheckedOffsets: Buffer(copying: offsets), bytes: Buffer(copying: bytes),
            count: strings.count)
    }

    /// The least dictionary that the codes of null rows can point into.
    public static var oneEmptyEntry: StringDictionary {
        // Safe: one entry without bytes.
        unsafe StringDictionary(
            uncheckedOffsets: Buffer(copying: [Int32(0), 0]), bytes: .empty, count: 1)
    }

    /// The byte range of an entry.
    @inlinable
    public func range(at index: Int) -> Range<Int> {
        precondition(index >= 0 && index < count, "dictionary code out of range")
        let positions = offsets.span(of: Int32.self)
        return Int(positions[index])..<Int(positions[index + 1])
    }

    /// The bytes of an entry for code that works on pointers; valid while the dictionary lives.
    @unsafe @inlinable
    public func unsafeBytes(at index: Int) -> UnsafeRawBufferPointer {
        let range = range(at: index)
        return unsafe UnsafeRawBufferPointer(rebasing: bytes.unsafeBytes[range])
    }

    /// The bytes of an entry.
    @inlinable
    @_lifetime(borrow self)
    public func entry(at index: Int) -> RawSpan {
        let span = unsafe RawSpan(_unsafeBytes: unsafeBytes(at: index))
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// A copy of the bytes of an entry.
    public func bytes(at index: Int) -> [UInt8] { unsafe Array(unsafeBytes(at: index)) }

    /// An entry as a Swift string; bytes that are not UTF-8 become U+FFFD.
    public func string(at index: Int) -> String {
        unsafe String(decoding: unsafeBytes(at: index), as: UTF8.self)
    }

    /// The entries as Swift strings, in order.
    public var strings: [String] { (0..<count).map { string(at: $0) } }
}

extension StringDictionary {
    /// The entries at `indices`, in that order, in memory of their own.
    ///
    /// Together they take at most `byteCountMax` bytes, as entries without repetition do.
    public func gather(_ indices: [Int32]) -> StringDictionary {
        var gathered: [UInt8] = []
        var ends: [Int32] = [0]
        ends.reserveCapacity(indices.count + 1)
        for index in indices {
            unsafe gathered.append(contentsOf: unsafeBytes(at: Int(index)))
            ends.append(Int32(gathered.count))
        }
        // Safe: whole entries of a valid dictionary.
        return unsafe StringDictionary(
            uncheckedOffsets: Buffer(copying: ends), bytes: Buffer(copying: gathered),
            count: indices.count)
    }
}

/// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
public func isValidUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    let count = bytes.count
    while index + 8 <= count {
        let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        if word & 0x8080_8080_8080_8080 != 0 { break }
        index += 8
    }
    guard index < count else { return true }
    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[index...])
    return unsafe rest.allSatisfy { $0 < 0x80 }
        || String(validating: rest, as: UTF8.self) != nil
}
