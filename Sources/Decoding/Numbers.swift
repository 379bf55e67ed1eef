import Glibc

// Numbers from text, exactly: an integer or decimal that does not fit is a fault, never rounded;
// a double is the one nearest to the decimal number that is written.

/// A decimal number as written: `mantissa * 10^exponent`, where `mantissa` is exact unless there
/// are more digits than it holds.
struct ScannedNumber {
    var mantissa: UInt64 = 0
    var exponent = 0
    var isNegative = false
    /// The digits do not fit `mantissa`, which is then meaningless.
    var isLong = false
    var isInteger = true
    var fault = FieldFault.none
    /// How many bytes come before the exponent part.
    var significandCount = 0
}

@inline(__always)
private func digit(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "0") }

/// Reads `[+-]digits[.digits][e[+-]digits]` (also `.5` and `5.`) that fills all `count` bytes; as
/// everywhere here, 8 bytes more can be read.
func scanNumber(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> ScannedNumber {
    var number = ScannedNumber()
    var index = 0
    if count > 0, unsafe bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+") {
        number.isNegative = unsafe bytes[0] == UInt8(ascii: "-")
        index = 1
    }
    if let short = unsafe shortNumber(bytes + index, count - index) {
        (number.mantissa, number.exponent) = short
        number.isInteger = unsafe short.exponent == 0 && bytes[count - 1] != UInt8(ascii: ".")
        number.significandCount = count
        return number
    }
    let first = index
    var mantissa: UInt64 = 0
    var point = -1
    while index < count {
        let byte = unsafe bytes[index]
        let value = digit(byte)
        if value < 10 {
            // Wraps only past 19 digits, which are counted below.
            mantissa = mantissa &* 10 &+ UInt64(value)
        } else if byte == UInt8(ascii: "."), point < 0 {
            point = index
        } else {
            break
        }
        index += 1
    }
    let digits = index - first - (point >= 0 ? 1 : 0)
    number.mantissa = mantissa
    number.significandCount = index
    number.isInteger = point < 0 && index == count
    if point >= 0 { number.exponent = point + 1 - index }
    // 19 digits always fit 64 bits; leading zeros that make it longer go the slow way.
    number.isLong = digits > 19
    if index < count || digits == 0 {
        unsafe scanExponent(bytes, count, from: index, digits: digits, &number)
    }
    return number
}

/// Reads `digits[.digits]` of at most 8 bytes, `nil` for anything else.
///
/// 8 bytes can be read.
@inline(__always)
private func shortNumber(
    _ bytes: UnsafePointer<UInt8>, _ count: Int
) -> (mantissa: UInt64, exponent: Int)? {
    guard 1...8 ~= count else { return nil }
    let word = unsafe DigitWord(bytes)
    let whole = word.digits
    if whole >= count { return (word.value(ofFirst: count), 0) }
    guard count > 1, let digits = word.withoutPoint(at: whole), digits.digits >= count - 1 else {
        return nil
    }
    return (digits.value(ofFirst: count - 1), whole + 1 - count)
}

private func scanExponent(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, from start: Int, digits: Int,
    _ number: inout ScannedNumber
) {
    var index = start
    guard digits > 0, index < count, unsafe bytes[index] | 0x20 == UInt8(ascii: "e") else {
        number.fault = unsafe isNonFinite(bytes, count) ? .notFinite : .notANumber
        return
    }
    index += 1
    var isNegative = false
    if index < count, unsafe bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+")
    {
        isNegative = unsafe bytes[index] == UInt8(ascii: "-")
        index += 1
    }
    guard index < count else {
        number.fault = .notANumber
        return
    }
    var exponent = 0
    while index < count {
        let value = unsafe digit(bytes[index])
        guard value < 10 else {
            number.fault = .notANumber
            return
        }
        // Far beyond any type's range: larger exponents mean the same.
        exponent = min(exponent * 10 + Int(value), 1_000_000_000)
        index += 1
    }
    number.exponent += isNegative ? -exponent : exponent
}

/// Whether the text is one of the names of infinity and not-a-number.
private func isNonFinite(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard count <= 9 else { return false }
    let text = unsafe String(
        decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self
    ).lowercased()
    let name = text.hasPrefix("-") || text.hasPrefix("+") ? String(text.dropFirst()) : text
    return ["nan", "inf", "infinity"].contains(name)
}

/// An integer of 64 bits.
@inline(__always)
func parseInteger(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, _ fault: inout FieldFault
) -> Int64 {
    var index = 0
    var isNegative = false
    if count > 1, unsafe bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+") {
        isNegative = unsafe bytes[0] == UInt8(ascii: "-")
        index = 1
    }
    var value: UInt64 = 0
    // 18 digits cannot overflow.
    guard count - index <= 18, index < count else {
        return unsafe parseLongInteger(bytes, count, &fault)
    }
    // The first group has what those of eight leave.
    var group = (count - index - 1) & 7 + 1
    while index < count {
        let word = unsafe DigitWord(bytes + index)
        guard word.digits >= group else { return unsafe parseLongInteger(bytes, count, &fault) }
        value = value &* 100_000_000 &+ word.value(ofFirst: group)
        index += group
        group = 8
    }
    return isNegative ? 0 &- Int64(bitPattern: value) : Int64(bitPattern: value)
}

/// The same for any number of digits, and for what is no integer.
@inline(never)
private func parseLongInteger(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, _ fault: inout FieldFault
) -> Int64 {
    let number = unsafe scanNumber(bytes, count)
    guard number.fault == .none else {
        fault = number.fault
        return 0
    }
    guard number.isInteger else {
        // `100.0` is an integer, too; `1e2` is none.
        guard number.significandCount == count else {
            fault = .notAnInteger
            return 0
        }
        let value = unsafe parseDecimal(
            bytes, count, precision: 38, scale: 0, scaleExponent: 0, &fault)
        if fault == .tooManyDecimals { fault = .notAnInteger }
        let integer = Int64(exactly: value)
        if fault == .none, integer == nil { fault = .outOfRange }
        return fault == .none ? integer ?? 0 : 0
    }
    var value: Int64 = 0
    for index in 0..<count {
        let next = unsafe digit(bytes[index])
        if next >= 10 { continue }  // the sign, at most one
        let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
        let step = number.isNegative ? -Int64(next) : Int64(next)
        let (sum, overflowedToo) = product.addingReportingOverflow(step)
        if overflowed || overflowedToo {
            fault = .outOfRange
            return 0
        }
        value = sum
    }
    return value
}

private let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]

/// The double nearest to the number divided by `10^scaleExponent`, ties to even.
@inline(__always)
func parseDouble(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, scaleExponent: Int, _ fault: inout FieldFault
) -> Double {
    let number = unsafe scanNumber(bytes, count)
    let exponent = number.exponent - scaleExponent
    // Clinger 1990, "How to read floating point numbers accurately": an integer of 53 bits and a
    // power of ten up to 22 are exact doubles, so that one operation rounds correctly.
    if number.fault == .none, !number.isLong, number.mantissa <= 1 << 53,
        exponent >= -22, exponent <= 22
    {
        let mantissa = Double(number.mantissa)
        let power = powersOfTen[abs(exponent)]
        let value = exponent < 0 ? mantissa / power : mantissa * power
        return number.isNegative ? -value : value
    }
    return unsafe parseDoubleSlowly(bytes, number, exponent, &fault)
}

/// The same through strtod, which glibc rounds correctly; the process keeps the C locale.
@inline(never)
private func parseDoubleSlowly(
    _ bytes: UnsafePointer<UInt8>, _ number: ScannedNumber, _ exponent: Int,
    _ fault: inout FieldFault
) -> Double {
    guard number.fault == .none else {
        fault = number.fault
        return 0
    }
    let significand = unsafe UnsafeBufferPointer(start: bytes, count: number.significandCount)
    let decimals =
        unsafe significand.firstIndex(of: UInt8(ascii: "."))
        .map { $0 + 1 - number.significandCount } ?? 0
    var text: [CChar] = []
    text.reserveCapacity(number.significandCount + 24)
    for index in 0..<number.significandCount {
        text.append(unsafe CChar(bitPattern: bytes[index]))
    }
    for byte in "e\(exponent - decimals)".utf8 { text.append(CChar(bitPattern: byte)) }
    text.append(0)
    // Safe: the text ends with NUL.
    let value = unsafe strtod(text, nil)
    if !value.isFinite { fault = .outOfRange }
    return value
}

/// The unscaled value of `number / 10^scaleExponent` as a decimal of this precision and scale.
func parseDecimal(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, precision: Int, scale: Int, scaleExponent: Int,
    _ fault: inout FieldFault
) -> Int128 {
    let number = unsafe scanNumber(bytes, count)
    guard number.fault == .none else {
        fault = number.fault
        return 0
    }
    var digits = UInt128(number.mantissa)
    var exponent = number.exponent - scaleExponent + scale
    if number.isLong {
        let (long, dropped) = unsafe longMantissa(bytes, number.significandCount)
        guard let long else {
            fault = exponent + dropped >= 0 ? .outOfRange : .tooManyDecimals
            return 0
        }
        digits = long
        exponent += dropped
    }
    if digits == 0 { return 0 }
    let limit = powerOfTen(precision)
    while exponent > 0 {
        guard digits < limit else { break }
        digits *= 10
        exponent -= 1
    }
    while exponent < 0 {
        let (quotient, remainder) = digits.quotientAndRemainder(dividingBy: 10)
        guard remainder == 0 else {
            fault = .tooManyDecimals
            return 0
        }
        digits = quotient
        exponent += 1
    }
    guard digits < limit else {
        fault = .outOfRange
        return 0
    }
    return number.isNegative ? -Int128(digits) : Int128(digits)
}

/// 10 to a power of at most 38.
private func powerOfTen(_ exponent: Int) -> UInt128 {
    var power: UInt128 = 1
    for _ in 0..<exponent { power *= 10 }
    return power
}

/// All digits of a significand of more than 19, without trailing zeros, and how many of those
/// there were; `nil` for more than 38 digits that count.
private func longMantissa(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> (UInt128?, Int) {
    var value: UInt128 = 0
    var zeros = 0
    var used = 0
    for index in 0..<count {
        let next = unsafe digit(bytes[index])
        if next >= 10 { continue }
        if next == 0 {
            if used > 0 { zeros += 1 }
            continue
        }
        guard used + zeros + 1 <= 38 else { return (nil, 0) }
        for _ in 0..<zeros { value *= 10 }
        value = value * 10 + UInt128(next)
        used += zeros + 1
        zeros = 0
    }
    return (value, zeros)
}

/// `number * 10^shift` rounded down to an integer.
func parseScaledFloor(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, shift: Int, _ fault: inout FieldFault
) -> Int64 {
    let number = unsafe scanNumber(bytes, count)
    guard number.fault == .none, !number.isLong, abs(number.exponent) <= 30 else {
        fault = number.fault == .none ? .timeOutOfRange : number.fault
        return 0
    }
    var value = Int128(number.mantissa)
    if number.isNegative { value = -value }
    let exponent = number.exponent + shift
    if exponent > 0 {
        for _ in 0..<min(exponent, 19) where abs(value) < 1 << 70 { value *= 10 }
        if exponent > 19, value != 0 { value = .max }
    } else if exponent < 0 {
        let power = Int128(powerOfTen(-exponent))
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: power)
        value = remainder < 0 ? quotient - 1 : quotient
    }
    guard let result = Int64(exactly: value) else {
        fault = .timeOutOfRange
        return 0
    }
    return result
}
