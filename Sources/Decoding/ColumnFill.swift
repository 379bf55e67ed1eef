import Columnar
import Glibc

/// One column of a batch under construction, filled from the text of fields.
///
/// A plain struct of pointers, because `store` runs once a field: everything with a reference
/// count belongs to the ``ColumnSet`` around it.
@unsafe
struct ColumnFill {
    enum Kind: UInt8 {
        case boolean
        case int
        case long
        case double
        case narrowDecimal
        case wideDecimal
        case string
        case isoDate
        case basicDate
        case isoTimestamp
        case epochTimestamp
        case epochNanos
        case sinceMidnight
        case patternTimestamp
        case patternDate
        /// A number with other marks than a point.
        case marked
    }

    /// The strings of at most 8 bytes seen last, by a hash of them, with their codes: most columns
    /// hold a few symbols, over and over.
    struct CacheLine {
        var word: UInt64
        var count: Int32
        var code: Int32
    }

    // Set once.
    let kind: Kind
    let isNullable: Bool
    let letterCase: FeedColumn.LetterCase?
    let precision: Int
    let decimalScale: Int
    /// Power of ten that the text is too large by.
    let scaleExponent: Int
    /// For doubles whose scale is no power of ten, otherwise 1.
    let divisor: Double
    /// For timestamps: the power of ten from the text's unit to microseconds.
    let shift: Int
    /// For timestamps and dates of a pattern.
    let pattern: Unmanaged<TimePatternBox>
    /// What stands in numbers, unless it is a point and nothing else.
    let marks: NumberMarks?
    /// What the values are: ``kind``, or what a marked number is.
    let valueKind: Kind
    let zone: Unmanaged<TimeZoneRules>
    let interner: Unmanaged<StringInterner>
    let cache: UnsafeMutablePointer<CacheLine>

    // Changing with the file.
    var fileDateMicros: Int64 = 0
    // The stretch of wall-clock seconds whose offset from UTC is known.
    var localLower: Int64 = 0
    var localUpper: Int64 = 0
    var localOffsetMicros: Int64 = 0

    // Changing with the batch.
    var values: UnsafeMutableRawPointer
    var validity: UnsafeMutablePointer<UInt8>
    var nullCount = 0

    static let cacheLines = 256

    /// Makes a row null.
    mutating func storeNull(row: Int) -> FieldFault {
        guard unsafe isNullable else { return .isNull }
        unsafe nullCount += 1
        unsafe validity[row >> 3] &= ~(1 << UInt8(row & 7))
        unsafe storeZero(row: row)
        return .none
    }

    /// Undoes what a row that was rejected later left behind.
    mutating func clear(row: Int) {
        let bit: UInt8 = 1 << UInt8(row & 7)
        guard unsafe validity[row >> 3] & bit == 0 else { return }
        unsafe validity[row >> 3] |= bit
        unsafe nullCount -= 1
    }

    private func storeZero(row: Int) {
        switch unsafe valueKind {
        case .boolean: unsafe setBit(false, row: row)
        case .int, .isoDate, .basicDate, .patternDate, .string: unsafe set(Int32(0), row: row)
        case .wideDecimal: unsafe set(Int128(0), row: row)
        default: unsafe set(Int64(0), row: row)
        }
    }

    @inline(__always)
    private func set<T: BitwiseCopyable>(_ value: T, row: Int) {
        // Safe: the batch has room for the row, with the width of the column's type.
        unsafe values.storeBytes(of: value, toByteOffset: row * MemoryLayout<T>.stride, as: T.self)
    }

    private func setBit(_ value: Bool, row: Int) {
        let bytes = unsafe values.assumingMemoryBound(to: UInt8.self)
        let bit: UInt8 = 1 << UInt8(row & 7)
        if value { unsafe bytes[row >> 3] |= bit } else { unsafe bytes[row >> 3] &= ~bit }
    }

    /// Parses the text of a field into a row.
    ///
    /// At least 8 bytes after the text can be read.
    mutating func store(_ field: UnsafePointer<UInt8>, _ length: Int, row: Int) -> FieldFault {
        if unsafe kind == .string { return unsafe storeString(field, length, row: row) }
        var bytes = unsafe field
        var count = length
        // Spaces around a number or time mean nothing.
        while count > 0, unsafe bytes[0] == UInt8(ascii: " ") {
            unsafe bytes += 1
            count -= 1
        }
        while count > 0, unsafe bytes[count - 1] == UInt8(ascii: " ") { count -= 1 }
        return unsafe storeValue(kind, bytes, count, row: row)
    }

    /// Stores a number as it would be written with a point and without groups.
    @inline(never)
    private mutating func storeMarked(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, row: Int
    ) -> FieldFault {
        guard let marks = unsafe marks, let plainCount = unsafe marks.plain(bytes, count) else {
            return .notANumber
        }
        return unsafe storeValue(valueKind, marks.text, plainCount, row: row)
    }

    @inline(__always)
    private mutating func storeValue(
        _ kind: Kind, _ bytes: UnsafePointer<UInt8>, _ count: Int, row: Int
    ) -> FieldFault {
        var fault = FieldFault.none
        switch kind {
        case .marked: return unsafe storeMarked(bytes, count, row: row)
        case .long:
            unsafe set(parseInteger(bytes, count, &fault), row: row)
        case .double:
            let value = unsafe parseDouble(bytes, count, scaleExponent: scaleExponent, &fault)
            unsafe set(divisor == 1 ? value : value / divisor, row: row)
        case .narrowDecimal, .wideDecimal:
            let value = unsafe parseDecimal(
                bytes, count, precision: precision, scale: decimalScale,
                scaleExponent: scaleExponent, &fault)
            if kind == .wideDecimal {
                unsafe set(value, row: row)
            } else {
                unsafe set(Int64(truncatingIfNeeded: value), row: row)
            }
        case .int:
            let value = unsafe parseInteger(bytes, count, &fault)
            if fault == .none, Int32(exactly: value) == nil { fault = .outOfRange }
            unsafe set(Int32(truncatingIfNeeded: value), row: row)
        case .boolean:
            guard let value = unsafe parseBoolean(bytes, count) else { return .badBoolean }
            unsafe setBit(value, row: row)
        case .isoDate, .basicDate:
            let days =
                unsafe kind == .isoDate ? scanISODate(bytes, count) : scanBasicDate(bytes, count)
            guard let days else { return .badDate }
            unsafe set(days, row: row)
        case .patternDate:
            guard let time = unsafe scanPattern(bytes, count) else { return .badDate }
            unsafe set(Int32(floorDivide(time.micros, microsPerDay)), row: row)
        default:
            unsafe set(parseTimestamp(bytes, count, &fault), row: row)
        }
        return fault
    }
}

extension ColumnFill {
    private mutating func parseTimestamp(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ fault: inout FieldFault
    ) -> Int64 {
        var micros: Int64 = 0
        switch unsafe kind {
        case .isoTimestamp, .patternTimestamp:
            let scanned =
                unsafe kind == .isoTimestamp
                ? scanISOTimestamp(bytes, count) : scanPattern(bytes, count)
            guard let time = scanned else {
                fault = .badTimestamp
                return 0
            }
            micros = time.micros
            if let offset = time.offsetSeconds {
                micros -= Int64(offset) * 1_000_000
            } else {
                micros = unsafe utc(ofLocalMicros: micros)
            }
        case .sinceMidnight:
            let inDay = unsafe parseScaledFloor(bytes, count, shift: shift, &fault)
            guard fault == .none, inDay >= 0, inDay < microsPerDay else {
                if fault == .none { fault = .notInDay }
                return 0
            }
            micros = unsafe utc(ofLocalMicros: fileDateMicros + inDay)
        case .epochNanos:
            micros = unsafe parseInteger(bytes, count, &fault)
            micros = floorDivide(micros, 1_000)
        default:
            micros = unsafe epochMicros(bytes, count, &fault)
        }
        guard fault == .none, micros >= timestampMicrosMin, micros <= timestampMicrosMax else {
            if fault == .none { fault = .timeOutOfRange }
            return 0
        }
        return micros
    }

    private func scanPattern(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> ScannedTime? {
        unsafe pattern._withUnsafeGuaranteedRef { unsafe $0.pattern?.scan(bytes, count) }
    }

    private func epochMicros(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ fault: inout FieldFault
    ) -> Int64 {
        // Up to 12 digits the product of an integer and 10^6 cannot overflow; milliseconds and
        // microseconds have more digits and smaller powers.
        if unsafe count <= 18 - shift {
            var integerFault = FieldFault.none
            let value = unsafe parseInteger(bytes, count, &integerFault)
            if integerFault == .none {
                return unsafe value &* (shift == 6 ? 1_000_000 : shift == 3 ? 1_000 : 1)
            }
        }
        return unsafe parseScaledFloor(bytes, count, shift: shift, &fault)
    }

    /// The moment at which the zone's clocks show a time.
    private mutating func utc(ofLocalMicros micros: Int64) -> Int64 {
        let seconds = floorDivide(micros, 1_000_000)
        if unsafe seconds < localLower || seconds >= localUpper {
            let (offset, range) = unsafe zone._withUnsafeGuaranteedRef {
                $0.offset(ofLocal: seconds)
            }
            unsafe localOffsetMicros = offset * 1_000_000
            unsafe localLower = range.lowerBound
            unsafe localUpper = range.upperBound
        }
        return unsafe micros - localOffsetMicros
    }

    private func parseBoolean(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool? {
        // The words that Spark casts to a boolean, by their bytes in lower case.
        var word: UInt64 = 0
        guard count >= 1, count <= 5 else { return nil }
        for index in 0..<count { word = unsafe word << 8 | UInt64(bytes[index] | 0x20) }
        switch word {
        case 0x7472_7565, 0x74, 0x796573, 0x79: return true  // true, t, yes, y
        case 0x66_616c_7365, 0x66, 0x6e6f, 0x6e: return false  // false, f, no, n
        case 0x31: return unsafe bytes[0] == UInt8(ascii: "1") ? true : nil
        case 0x30: return unsafe bytes[0] == UInt8(ascii: "0") ? false : nil
        default: return nil
        }
    }

    @inline(__always)
    private mutating func storeString(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, row: Int
    ) -> FieldFault {
        guard count <= 8 else { return unsafe storeNewString(bytes, count, row: row, line: nil) }
        // Safe: 8 bytes after the text can be read; those that are not of it are masked out.
        var word = unsafe UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self).littleEndian
        if count < 8 { word &= (1 << UInt64(count * 8)) - 1 }
        let index = Int(((word &+ UInt64(count)) &* 0x9e37_79b9_7f4a_7c15) >> 56)
        let line = unsafe cache + index
        if unsafe line.pointee.word == word, unsafe line.pointee.count == Int32(count) {
            unsafe set(line.pointee.code, row: row)
            return .none
        }
        let fault = unsafe storeNewString(bytes, count, row: row, line: line)
        if fault == .none {
            unsafe line.pointee.word = word
            unsafe line.pointee.count = Int32(count)
        }
        return fault
    }

    @inline(never)
    private mutating func storeNewString(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, row: Int,
        line: UnsafeMutablePointer<CacheLine>?
    ) -> FieldFault {
        let text = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
        if count > 0, unsafe memchr(bytes, 0, count) != nil { return .hasNUL }
        guard unsafe isValidUTF8(text) else { return .badUTF8 }
        let code: Int32
        if unsafe letterCase == nil {
            code = unsafe interner._withUnsafeGuaranteedRef { unsafe $0.intern(text) }
        } else {
            let upper = unsafe letterCase == .upper
            let changed = unsafe text.map { (byte: UInt8) -> UInt8 in
                let isLower = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
                let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
                return (upper ? isLower : isUpper) ? byte ^ 0x20 : byte
            }
            code = unsafe changed.withUnsafeBytes { changed in
                unsafe interner._withUnsafeGuaranteedRef { unsafe $0.intern(changed) }
            }
        }
        unsafe set(code, row: row)
        unsafe line?.pointee.code = code
        return .none
    }
}
