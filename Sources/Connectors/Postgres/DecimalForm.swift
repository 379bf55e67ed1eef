/// A decimal number as PostgreSQL's `numeric` takes it: `digits` times ten to the power of
/// `exponent`.
struct DecimalForm: Hashable {
    var isNegative: Bool
    /// The digits as a whole number.
    var digits: UInt128
    var exponent: Int

    /// A decimal column's value, with all digits of its scale.
    @inline(__always)
    init(unscaled: Int128, scale: Int) {
        isNegative = unscaled < 0
        digits = unscaled.magnitude
        exponent = -scale
    }

    /// The shortest decimal that reads back as this number, which is finite.
    ///
    /// The server's own cast has 15 digits: 123456.78901234567 becomes 123456.789012346.
    init(shortest value: Double) {
        // Two decimals of at most 15 digits are never one double, so one that gives the number back
        // is the shortest, but for zeros at its end. Prices have few digits after the point.
        let magnitude = value.magnitude
        if magnitude < 1e11 {
            let scaled = (magnitude * 10_000).rounded()
            if scaled < 1e15, scaled / 10_000 == magnitude {
                // Safe: below 1e15.
                self.init(isNegative: value < 0, digits: UInt64(scaled), exponent: -4)
                return
            }
        }
        self.init(text: value.magnitude.description, isNegative: value < 0)
    }

    /// Digits, of which zeros at the end become the exponent's.
    private init(isNegative: Bool, digits: UInt64, exponent: Int) {
        var (digits, exponent) = (digits, exponent)
        if digits == 0 { exponent = 0 }
        while exponent < 0, digits % 10 == 0, digits > 0 {
            digits /= 10
            exponent += 1
        }
        self.isNegative = isNegative && digits > 0
        self.digits = UInt128(digits)
        self.exponent = exponent
    }

    /// Swift's text of a positive double: `0.1`, `5e-324`, `1e+16`.
    private init(text: String, isNegative: Bool) {
        var digits: UInt64 = 0
        var exponent = 0
        var isFraction = false
        var rest = Substring(text)
        while let character = rest.popFirst() {
            if character == "." {
                isFraction = true
            } else if character == "e" {
                exponent += Int(rest) ?? 0
                break
            } else if let digit = character.wholeNumberValue {
                // At most 17 digits, and one zero behind the point.
                digits = digits * 10 + UInt64(digit)
                if isFraction { exponent -= 1 }
            }
        }
        self.init(isNegative: isNegative, digits: digits, exponent: exponent)
    }

    /// Digits after the point.
    var scale: Int { max(0, -exponent) }

    /// Digits before the point; 0 for numbers below one.
    var wholeDigits: Int {
        guard digits > 0 else { return 0 }
        var (count, rest) = (0, digits)
        while rest > 0 {
            rest /= 10
            count += 1
        }
        return max(0, count + exponent)
    }

    /// The number as digits to base 10 000, as `numeric_recv` reads them, the first first, and the
    /// power of 10 000 of the first; `groups` is memory for 11 of them.
    ///
    /// Source: PostgreSQL's `src/backend/utils/adt/numeric.c`.
    func write(into groups: inout [UInt16]) -> (count: Int, weight: Int) {
        guard digits > 0 else { return (0, 0) }
        // The power of the last group: `exponent` rounded down to a multiple of four.
        let shift = ((exponent % 4) + 4) % 4
        let lastWeight = (exponent - shift) / 4
        groups.removeAll(keepingCapacity: true)
        if let narrow = UInt64(exactly: digits) {
            Self.split(narrow, shift, &groups)
        } else {
            Self.split(digits, shift, &groups)
        }
        while groups.last == 0 { groups.removeLast() }
        let weight = lastWeight + groups.count - 1
        groups.reverse()
        while groups.last == 0 { groups.removeLast() }
        return (groups.count, weight)
    }

    /// The groups of `digits` times ten to the power of `shift`, the last one first.
    @inline(__always)
    private static func split<T: FixedWidthInteger & UnsignedInteger>(
        _ digits: T, _ shift: Int, _ groups: inout [UInt16]
    ) {
        var rest = digits
        if shift > 0 {
            // The last group has fewer digits: multiplying all could be too much for the type.
            let divisor = T(powers[4 - shift])
            groups.append(UInt16(rest % divisor) * powers[shift])
            rest /= divisor
        }
        while rest > 0 {
            groups.append(UInt16(rest % 10_000))
            rest /= 10_000
        }
    }

    private static let powers: [UInt16] = [1, 10, 100, 1_000]
}
