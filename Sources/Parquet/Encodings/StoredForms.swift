import Columnar

// Values as files have them, turned into ours.

/// How stored numbers become values of a column.
protocol FixedForm<Out> {
    associatedtype Stored: BitwiseCopyable
    associatedtype Out: BitwiseCopyable, Sendable

    /// Nil for one that does not fit; `fault` says why.
    func value(_ stored: Stored) -> Out?
    var fault: String { get }
}

extension FixedForm {
    var fault: String { "a value does not fit its type" }
}

/// As they are.
struct Unchanged<Stored: BitwiseCopyable>: FixedForm {
    @inline(__always) func value(_ stored: Stored) -> Stored? { stored }
}

/// In a wider integer.
struct Widened<Stored: FixedWidthInteger & BitwiseCopyable, Out>: FixedForm
where Out: FixedWidthInteger & BitwiseCopyable {
    @inline(__always) func value(_ stored: Stored) -> Out? { Out(truncatingIfNeeded: stored) }
}

struct FloatAsDouble: FixedForm {
    @inline(__always) func value(_ stored: Float) -> Double? { Double(stored) }
}

struct MillisAsMicros<Stored: FixedWidthInteger & BitwiseCopyable>: FixedForm {
    var fault: String { "a timestamp is out of the range of microseconds" }

    func value(_ stored: Stored) -> Int64? {
        let (micros, overflow) = Int64(stored).multipliedReportingOverflow(by: 1_000)
        return overflow ? nil : micros
    }
}

/// Rounded down, so that order is kept.
struct NanosAsMicros: FixedForm {
    func value(_ stored: Int64) -> Int64? { floorDivide(stored, 1_000) }
}

struct Int96AsMicros: FixedForm {
    func value(_ stored: Int96) -> Int64? { stored.micros }
}

/// Unscaled values of a decimal, in 64 bits.
struct NarrowDecimal<Stored: FixedWidthInteger & BitwiseCopyable>: FixedForm {
    let precision: Int
    private let limit: UInt64

    init(_ precision: Int) {
        self.precision = precision
        limit = UInt64(powerOfTen(precision))
    }

    var fault: String { decimalFault(precision) }

    func value(_ stored: Stored) -> Int64? {
        let value = Int64(truncatingIfNeeded: stored)
        return value.magnitude < limit ? value : nil
    }
}

func decimalFault(_ precision: Int) -> String {
    "a decimal has more than the \(precision) digits of its type"
}

/// How stored byte arrays become values of a column.
protocol ByteArrayForm<Out> {
    associatedtype Out: BitwiseCopyable, Sendable

    var budget: ReadBudget { get }
    /// Writes one value.
    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Out>) throws(ParquetError)
}

/// Two bytes, low one first, as the number they mean.
struct Float16AsDouble: ByteArrayForm {
    let budget: ReadBudget

    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Double>) throws(ParquetError) {
        let bits = Float16Bits(UInt16(bytes[1]) << 8 | UInt16(bytes[0]))
        unsafe output.initialize(to: bits.double)
    }
}

/// Unscaled values of a decimal, high byte first.
struct BigEndianDecimal<Out: FixedWidthInteger & BitwiseCopyable>: ByteArrayForm {
    let budget: ReadBudget
    let precision: Int
    let limit: UInt128

    init(_ precision: Int, _ budget: ReadBudget) {
        self.budget = budget
        self.precision = precision
        limit = powerOfTen(precision).magnitude
    }

    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Out>) throws(ParquetError) {
        guard let value = bigEndianInteger(bytes), value.magnitude < limit else {
            throw ParquetError(.damaged, decimalFault(precision))
        }
        unsafe output.initialize(to: Out(truncatingIfNeeded: value))
    }
}

/// Strings or bytes, as the number an interner gives them.
protocol InternedForm: ByteArrayForm where Out == Int32 {
    var budget: ReadBudget { get set }
    var interner: StringInterner { get set }
}

/// Text, as the number an interner gives it.
struct InternedText: InternedForm {
    var budget: ReadBudget
    var interner: StringInterner

    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Int32>) throws(ParquetError) {
        unsafe output.initialize(to: try interner.intern(bytes, isText: true, budget))
    }
}

/// Bytes of any kind, as the number an interner gives them.
struct InternedBytes: InternedForm {
    var budget: ReadBudget
    var interner: StringInterner

    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Int32>) throws(ParquetError) {
        unsafe output.initialize(to: try interner.intern(bytes, isText: false, budget))
    }
}

/// Sixteen bytes as the text of a UUID.
struct InternedUUID: InternedForm {
    var budget: ReadBudget
    var interner: StringInterner

    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Int32>) throws(ParquetError) {
        // Safe: an array's span lives as long as the array.
        let text = uuidText(bytes)
        unsafe output.initialize(to: try interner.intern(text.span.bytes, isText: true, budget))
    }
}

/// A decimal of more than 38 digits, high byte first, as text.
struct InternedDecimal: InternedForm {
    var budget: ReadBudget
    var interner: StringInterner
    let precision: Int
    let scale: Int

    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Int32>) throws(ParquetError) {
        let value = WideInteger(bigEndian: bytes)
        guard bytes.byteCount > 0,
            let text = value.decimalText(precision: precision, scale: scale)
        else { throw ParquetError(.damaged, decimalFault(precision)) }
        unsafe output.initialize(to: try interner.intern(text, budget))
    }
}

/// Twelve bytes as the text of an interval.
struct InternedInterval: InternedForm {
    var budget: ReadBudget
    var interner: StringInterner

    func write(_ bytes: RawSpan, to output: UnsafeMutablePointer<Int32>) throws(ParquetError) {
        func part(_ start: Int) -> Int64 {
            (0..<4).reduce(0) { $0 | Int64(bytes[start + $1]) << Int64(8 * $1) }
        }
        let text = formatInterval(months: part(0), days: part(4), nanos: part(8) * 1_000_000)
        unsafe output.initialize(to: try interner.intern(text, budget))
    }
}

/// A timestamp of 96 bits: nanoseconds of the day, low byte first, and the Julian day.
struct Int96: BitwiseCopyable {
    let nanosLow: UInt32
    let nanosHigh: UInt32
    let julianDay: UInt32

    /// The Julian day of 1970-01-01.
    private static let epochDay: Int64 = 2_440_588

    /// Microseconds since the epoch, rounded down.
    ///
    /// Spark computes with 64 bits that wrap around: the last 6,700 years that they can hold are
    /// negative days in a file, and come back because this wraps around too.
    var micros: Int64 {
        let nanos = Int64(bitPattern: UInt64(nanosHigh) << 32 | UInt64(nanosLow))
        let day = Int64(Int32(bitPattern: julianDay)) - Self.epochDay
        return day &* microsPerDay &+ floorDivide(nanos, 1_000)
    }
}

/// 10 to the power of `exponent`, which is at most 38.
func powerOfTen(_ exponent: Int) -> Int128 {
    (0..<exponent).reduce(1) { power, _ in power * 10 }
}

/// A UUID's sixteen bytes in its usual form of 36 characters.
func uuidText(_ bytes: RawSpan) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for index in 0..<bytes.byteCount {
        let byte = bytes[index]
        if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return text
}

extension StringInterner {
    /// The number of a text of ours.
    func intern(_ text: String, _ budget: ReadBudget) throws(ParquetError) -> Int32 {
        let bytes = Array(text.utf8)
        // Safe: an array's span lives as long as the array.
        return try unsafe intern(bytes.span.bytes, isText: true, budget)
    }

    /// The number of a text, or of bytes, from a file; what a new one takes is charged.
    func intern(
        _ string: RawSpan, isText: Bool, _ budget: ReadBudget
    ) throws(ParquetError) -> Int32 {
        let size = string.byteCount
        guard byteCount <= Int(Int32.max) - size else {
            throw ParquetError(.tooLarge, "more than 2 GiB of distinct strings")
        }
        let known = count
        let number = unsafe string.withUnsafeBytes { bytes -> Int32? in
            unsafe !isText || isValidUTF8(bytes) ? unsafe intern(bytes) : nil
        }
        guard let number else {
            throw ParquetError(
                .damaged, "a value of a column that is annotated as text is not UTF-8")
        }
        // The bytes twice while the table grows or is copied, and its entries.
        if count > known { try budget.charge(2 * size + 56, "distinct strings") }
        return number
    }
}
