// A flatbuffer, as Arrow's metadata uses it, all numbers little endian:
//
//     u32 offset of the root table
//     table:  i32 distance back to its vtable, then its scalars and u32 references
//     vtable: u16 bytes of the vtable, u16 bytes of the table, u16 place of each slot (0: absent)
//     string: u32 length, bytes, NUL      vector: u32 count, elements
//
// A reference is the distance from its own place forward to its target. This builder writes front
// to back: first a table with empty references, then what they refer to, then `link`.

/// Writes one flatbuffer front to back.
struct FlatBufferBuilder {
    /// What a slot of a table holds.
    enum Slot {
        case absent
        case byte(UInt8)
        case short(Int16)
        case int(Int32)
        case long(Int64)
        /// A reference that `link` fills in.
        case reference

        var byteCount: Int {
            switch self {
            case .absent: 0
            case .byte: 1
            case .short: 2
            case .int, .reference: 4
            case .long: 8
            }
        }

        var bits: UInt64 {
            switch self {
            case .absent, .reference: 0
            case .byte(let value): UInt64(value)
            case .short(let value): UInt64(UInt16(bitPattern: value))
            case .int(let value): UInt64(UInt32(bitPattern: value))
            case .long(let value): UInt64(bitPattern: value)
            }
        }
    }

    /// A table that was written: where it starts, and where each of its slots is (0: absent).
    struct Table {
        let position: Int
        let slots: [Int]
    }

    private(set) var bytes: [UInt8] = [0, 0, 0, 0]

    init() { bytes.reserveCapacity(1024) }

    /// Writes a table and makes it the root.
    mutating func root(_ slots: [Slot]) -> Table {
        let table = self.table(slots)
        link(0, to: table.position)
        return table
    }

    /// Writes a table and lets the reference at `place` point to it.
    mutating func table(from place: Int, _ slots: [Slot]) -> Table {
        let table = self.table(slots)
        link(place, to: table.position)
        return table
    }

    private mutating func table(_ slots: [Slot]) -> Table {
        var size = 4
        var places: [Int] = []
        for slot in slots {
            let width = slot.byteCount
            if width > 0 { size = (size + width - 1) / width * width }
            places.append(width > 0 ? size : 0)
            size += width
        }
        pad(to: 2)
        let vtable = bytes.count
        put(UInt64(4 + 2 * slots.count), 2)
        put(UInt64(size), 2)
        for place in places { put(UInt64(place), 2) }
        pad(to: 8)
        let position = bytes.count
        put(UInt64(position - vtable), 4)
        for (slot, place) in zip(slots, places) where place > 0 {
            while bytes.count < position + place { bytes.append(0) }
            put(slot.bits, slot.byteCount)
        }
        return Table(position: position, slots: places.map { $0 == 0 ? 0 : position + $0 })
    }

    /// Writes a string for the reference at `place` and returns where its text is.
    @discardableResult
    mutating func string(from place: Int, _ text: String) -> Range<Int> {
        pad(to: 4)
        link(place, to: bytes.count)
        put(UInt64(text.utf8.count), 4)
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        let range = start..<bytes.count
        bytes.append(0)
        return range
    }

    /// Writes a vector of `count` references for the reference at `place`; returns their places.
    mutating func references(from place: Int, count: Int) -> [Int] {
        pad(to: 4)
        link(place, to: bytes.count)
        put(UInt64(count), 4)
        let first = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count * 4))
        return (0..<count).map { first + $0 * 4 }
    }

    /// Writes a vector of structs of two longs for the reference at `place`.
    mutating func pairs(from place: Int, _ pairs: [(Int64, Int64)]) {
        pad(to: 4)
        // The elements, not the count before them, must lie on 8 bytes.
        if bytes.count % 8 == 0 { bytes.append(contentsOf: [0, 0, 0, 0]) }
        link(place, to: bytes.count)
        put(UInt64(pairs.count), 4)
        for (first, second) in pairs {
            put(UInt64(bitPattern: first), 8)
            put(UInt64(bitPattern: second), 8)
        }
    }

    /// Writes Arrow's key-value pairs for the reference at `place`; returns where the values are.
    mutating func metadata(
        from place: Int, _ entries: [ArrowMetadataEntry]
    ) -> [Range<Int>] {
        let places = references(from: place, count: entries.count)
        return zip(places, entries).map { place, entry in
            let pair = table(from: place, [.reference, .reference])
            string(from: pair.slots[0], entry.key)
            return string(from: pair.slots[1], entry.value)
        }
    }

    private mutating func link(_ place: Int, to target: Int) {
        precondition(target > place, "a flatbuffer's references point forward")
        let distance = UInt32(target - place)
        for byte in 0..<4 {
            bytes[place + byte] = UInt8(truncatingIfNeeded: distance >> (8 * byte))
        }
    }

    private mutating func put(_ bits: UInt64, _ byteCount: Int) {
        for byte in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * byte))) }
    }

    private mutating func pad(to alignment: Int) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }
}
