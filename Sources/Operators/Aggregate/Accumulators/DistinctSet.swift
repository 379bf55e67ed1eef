import Columnar
import KeyedState

/// How a set of values, or of combinations of values, is written as text, which is what a state can
/// hold.
///
/// Layout: the elements one after the other, ascending by their bytes, each once. An element has a
/// part for each type: of a number its bits in hexadecimal digits, arranged so that the texts ascend
/// as the numbers do, with one zero and one NaN; of a string the count of its bytes in eight such
/// digits and the bytes; of binary the same, each byte as two digits.
struct DistinctSet: Sendable {
    let types: [DataType]

    /// How many words tell the values of one type apart.
    static func words(_ type: DataType) -> Int { type.layout == .int128 ? 2 : 1 }

    /// Writes the values of a row, none of them null.
    func append(
        _ row: Int, of arguments: [ArgumentValues], _ strings: StateStrings,
        to bytes: inout [UInt8]
    ) {
        for argument in arguments {
            // Safe: the row lies in the arguments, which outlive the call.
            switch argument.type.layout {
            case .bits:
                appendDigits(UInt64(unsafe argument.pointer(as: UInt8.self)[row]), 1, to: &bytes)
            case .int32:
                let value = unsafe argument.pointer(as: Int32.self)[row]
                appendDigits(UInt64(UInt32(bitPattern: value ^ .min)), 8, to: &bytes)
            case .int64:
                let value = unsafe argument.pointer(as: Int64.self)[row]
                appendDigits(UInt64(bitPattern: value ^ .min), 16, to: &bytes)
            case .float64:
                let value = unsafe argument.pointer(as: Double.self)[row]
                appendDigits(ascendingBits(value), 16, to: &bytes)
            case .int128:
                let value = unsafe argument.pointer(as: Int128.self)[row]
                let bits = UInt128(bitPattern: value ^ .min)
                appendDigits(UInt64(truncatingIfNeeded: bits >> 64), 16, to: &bytes)
                appendDigits(UInt64(truncatingIfNeeded: bits), 16, to: &bytes)
            case .dictionary:
                unsafe strings.withBytes(argument.pointer(as: Int32.self)[row]) { string in
                    if argument.type == .string {
                        appendDigits(UInt64(string.count), 8, to: &bytes)
                        unsafe bytes.append(contentsOf: string)
                    } else {
                        // Any bytes: as text, like the numbers.
                        appendDigits(2 * UInt64(string.count), 8, to: &bytes)
                        for index in 0..<string.count {
                            appendDigits(unsafe UInt64(string[index]), 2, to: &bytes)
                        }
                    }
                }
            }
        }
    }

    /// The elements of a text, each from its first to behind its last byte.
    func elements(_ bytes: [UInt8]) -> [Range<Int>] {
        var elements: [Range<Int>] = []
        var next = 0
        while next < bytes.count {
            let start = next
            for type in types {
                switch type.layout {
                case .bits: next += 1
                case .int32: next += 8
                case .int64, .float64: next += 16
                case .int128: next += 32
                case .dictionary: next += 8 + Int(digits(bytes, next, 8))
                }
            }
            next = min(next, bytes.count)
            elements.append(start..<next)
        }
        return elements
    }

    /// All elements of two texts, whose elements ascend.
    func union(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        let (a, b) = (elements(left), elements(right))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(left.count + right.count)
        var (i, j) = (0, 0)
        while i < a.count || j < b.count {
            let order = i == a.count ? 1 : j == b.count ? -1 : compare(left[a[i]], right[b[j]])
            bytes += order <= 0 ? left[a[i]] : right[b[j]]
            if order <= 0 { i += 1 }
            if order >= 0 { j += 1 }
        }
        return bytes
    }

    /// The numbers that a set of numbers holds, as the type that an accumulator wants them in.
    func numbers(_ bytes: [UInt8]) -> (longs: [Int64], doubles: [Double], wide: [Int128]) {
        var found: (longs: [Int64], doubles: [Double], wide: [Int128]) = ([], [], [])
        for element in elements(bytes) {
            let high = digits(bytes, element.lowerBound, 16)
            switch types[0].layout {
            case .int64:
                let value = Int64(bitPattern: high) ^ .min
                found.longs.append(value)
                found.doubles.append(Double(value))
            case .float64:
                let isNegative = high >> 63 == 0
                found.doubles.append(Double(bitPattern: isNegative ? ~high : high ^ 1 << 63))
            case .int128:
                let low = digits(bytes, element.lowerBound + 16, 16)
                let bits = UInt128(high) << 64 | UInt128(low)
                found.wide.append(Int128(truncatingIfNeeded: bits) ^ .min)
            case .bits, .int32, .dictionary:
                preconditionFailure("numbers are summed as longs, doubles or decimals")
            }
        }
        return found
    }
}

/// The bits of a double so that they ascend as doubles do: NaN last, one zero.
private func ascendingBits(_ value: Double) -> UInt64 {
    let bits = normalized(value).bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
}

/// The order of two elements by their bytes.
private func compare(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
    if left.lexicographicallyPrecedes(right) { return -1 }
    return left.elementsEqual(right) ? 0 : 1
}

private func appendDigits(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
    for place in (0..<count).reversed() {
        let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * place) & 15)
        bytes.append(digit < 10 ? 48 + digit : 87 + digit)
    }
}

/// The number that hexadecimal digits say; what is missing or no digit counts as 0.
private func digits(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for place in start..<start + count {
        let byte = place < bytes.count ? bytes[place] : 48
        let digit = byte >= 97 ? byte &- 87 : byte &- 48
        value = value << 4 | UInt64(digit & 15)
    }
    return value
}
