// Values that no type of ours can hold, as text: intervals and decimals of more than 38 digits.

extension ArrowBodyReader {
    /// Intervals: months as `int`, others as text.
    mutating func intervals(
        _ unit: ArrowType.IntervalUnit, _ index: Int, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        switch unit {
        case .yearMonth: try fixed(.int, index, Int32.self, validity)
        case .dayTime:
            try texts(index, DayTime.self, validity) { value in
                formatInterval(
                    months: 0, days: Int64(value.days), nanos: Int64(value.millis) * 1_000_000)
            }
        case .monthDayNano:
            try texts(index, MonthDayNano.self, validity) { value in
                formatInterval(
                    months: Int64(value.months), days: Int64(value.days), nanos: value.nanos)
            }
        }
    }

    /// Decimals of more than 38 digits.
    mutating func wideDecimals(
        _ index: Int, precision: Int, scale: Int, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        try texts(
            index, Int256Bits.self, validity, fault: { Self.tooLong($0.value, precision) }
        ) { value in
            WideInteger(twosComplement: value.words)
                .decimalText(precision: precision, scale: scale)
        }
    }

    /// Values as a column of text; `nil` for one that is wrong, and `fault` says why.
    private mutating func texts<Stored: BitwiseCopyable>(
        _ index: Int, _ stored: Stored.Type, _ validity: Bitmap?,
        fault: (Stored) -> String = { _ in "does not fit" }, _ text: (Stored) -> String?
    ) throws(ArrowError) -> Column {
        let source = try buffer(
            index, byteCount: rowCount * MemoryLayout<Stored>.stride, for: stored)
        // Codes, offsets, hashes and table; each distinct text is charged as it is made.
        try charge(rowCount * 40)
        let values = source.span(of: stored)
        let interner = StringInterner()
        let codes = try Buffer(of: Int32.self, count: rowCount) { (output) throws(ArrowError) in
            for row in 0..<rowCount {
                if let validity, !validity[row] {
                    output.append(0)
                    continue
                }
                guard let text = text(values[row]) else {
                    throw ArrowError(
                        .valueOutOfRange, "the value of row \(row) \(fault(values[row]))")
                }
                let known = interner.byteCount
                output.append(try intern(text, interner))
                try charge(interner.byteCount - known)
            }
        }
        return try column(.string, codes, interner, validity)
    }
}

/// Days and milliseconds.
private struct DayTime: BitwiseCopyable {
    let days: Int32
    let millis: Int32
}

/// Months, days and nanoseconds.
private struct MonthDayNano: BitwiseCopyable {
    let months: Int32
    let days: Int32
    let nanos: Int64
}

/// An integer of 256 bits, low half first.
struct Int256Bits: BitwiseCopyable {
    let low: UInt128
    let high: Int128

    /// The same number, or nil where it needs more than 128 bits.
    var value: Int128? {
        let value = Int128(truncatingIfNeeded: low)
        return high == (value < 0 ? -1 : 0) ? value : nil
    }

    /// Its words, low one first.
    var words: [UInt64] {
        [
            UInt64(truncatingIfNeeded: low), UInt64(truncatingIfNeeded: low >> 64),
            UInt64(truncatingIfNeeded: high), UInt64(truncatingIfNeeded: high >> 64),
        ]
    }
}
