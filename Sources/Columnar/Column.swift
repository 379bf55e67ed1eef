/// A typed sequence of values with nulls, immutable, in Arrow's memory layout.
///
/// Invariants:
/// - `values` holds `count` values of the type's layout (for booleans it is empty and `bits` holds
///   them). The value of a null row is unspecified.
/// - `validity` is `nil` or has `count` bits, set where the value is not null.
/// - A string or binary column has a dictionary; every code, also that of a null row, lies in
///   `0 ..< dictionary.count`, so kernels may look it up before they look at validity.
public struct Column: Sendable {
    /// The type of every value.
    public let type: DataType
    /// The number of rows.
    public let count: Int
    /// Set where a row is not null; `nil` when no row is.
    public let validity: Bitmap?
    /// The values of a fixed-width type, or the codes of strings and bytes; empty for booleans.
    public let values: Buffer
    /// The values of a boolean column; `nil` for other types.
    public let bits: Bitmap?
    /// What the codes of a string or binary column mean; `nil` for other types.
    public let dictionary: StringDictionary?

    /// A fixed-width column over `count` values of the type's layout.
    @inlinable
    public init(_ type: DataType, values: Buffer, count: Int, validity: Bitmap? = nil) {
        precondition(
            type.layout != .bits && type.layout != .dictionary,
            "booleans and strings have initializers of their own")
        precondition(values.count >= count * type.byteWidth, "a column's values must fill it")
        precondition(validity.map { $0.count == count } ?? true, "validity of another length")
        self.type = type
        self.count = count
        self.values = values
        self.validity = validity
        self.bits = nil
        self.dictionary = nil
    }

    /// A boolean column.
    @inlinable
    public init(bits: Bitmap, validity: Bitmap? = nil) {
        precondition(validity.map { $0.count == bits.count } ?? true, "validity of another length")
        self.type = .boolean
        self.count = bits.count
        self.values = .empty
        self.validity = validity
        self.bits = bits
        self.dictionary = nil
    }

    /// A string or binary column over `Int32` codes, each of which the caller guarantees to lie in
    /// `0 ..< dictionary.count`; of a string column the entries are UTF-8.
    @unsafe @inlinable
    public init(
        _ type: DataType = .string, uncheckedCodes codes: Buffer, dictionary: StringDictionary,
        count: Int, validity: Bitmap? = nil
    ) {
        precondition(type.layout == .dictionary, "only strings and bytes have codes")
        precondition(codes.count >= count * 4, "a column's codes must fill it")
        precondition(count == 0 || dictionary.count > 0, "a string column needs a dictionary entry")
        precondition(validity.map { $0.count == count } ?? true, "validity of another length")
        self.type = type
        self.count = count
        self.values = codes
        self.validity = validity
        self.bits = nil
        self.dictionary = dictionary
    }

    /// A string or binary column over codes from outside, or `nil` when the code of a valid row is
    /// out of range.
    ///
    /// Codes of null rows are replaced where they are out of range.
    public init?(
        _ type: DataType = .string, validatingCodes codes: Buffer, dictionary: StringDictionary,
        count: Int, validity: Bitmap? = nil
    ) {
        guard codes.count >= count * 4, codes.isAligned(for: Int32.self) else { return nil }
        let entries = dictionary.count == 0 ? .oneEmptyEntry : dictionary
        let limit = UInt32(entries.count)
        let source = codes.span(of: Int32.self)
        var outOfRange = 0
        for row in 0..<count where UInt32(bitPattern: source[row]) >= limit {
            guard let validity, !validity[row] else { return nil }
            outOfRange += 1
        }
        if dictionary.count == 0, count > 0, validity.map({ $0.setBitCount != 0 }) ?? true {
            return nil
        }
        let safe =
            outOfRange == 0
            ? codes
            : Buffer(of: Int32.self, count: count) { output in
                for row in 0..<count {
                    let code = source[row]
                    output.append(UInt32(bitPattern: code) < limit ? code : 0)
                }
            }
        unsafe self.init(
            type, uncheckedCodes: safe, dictionary: entries, count: count, validity: validity)
    }

    /// The number of null rows.
    public var nullCount: Int { validity.map { count - $0.setBitCount } ?? 0 }

    /// Whether a row is null.
    @inlinable
    public func isNull(_ row: Int) -> Bool {
        if let validity { !validity[row] } else { false }
    }
}

extension Column {
    /// The values of an `int` or `date` column; the codes of a string or binary column.
    @inlinable
    public var int32s: Span<Int32> {
        @_lifetime(borrow self)
        get {
            precondition(
                type.layout == .int32 || type.layout == .dictionary, "not a 32-bit column")
            return values.span(of: Int32.self).extracting(first: count)
        }
    }

    /// The values of a `long`, `timestamp` (µs) or narrow decimal (unscaled) column.
    @inlinable
    public var int64s: Span<Int64> {
        @_lifetime(borrow self)
        get {
            precondition(type.layout == .int64, "not a 64-bit integer column")
            return values.span(of: Int64.self).extracting(first: count)
        }
    }

    /// The unscaled values of a decimal column of more than 18 digits.
    @inlinable
    public var int128s: Span<Int128> {
        @_lifetime(borrow self)
        get {
            precondition(type.layout == .int128, "not a wide decimal column")
            return values.span(of: Int128.self).extracting(first: count)
        }
    }

    /// The values of a `double` column.
    @inlinable
    public var doubles: Span<Double> {
        @_lifetime(borrow self)
        get {
            precondition(type.layout == .float64, "not a double column")
            return values.span(of: Double.self).extracting(first: count)
        }
    }
}

extension Column {
    /// The same values with other validity.
    public func withValidity(_ validity: Bitmap?) -> Column {
        Column(copying: self, values: values, bits: bits, count: count, validity: validity)
    }

    /// The rows `range`, sharing the memory.
    public func slice(_ range: Range<Int>) -> Column {
        let width = type.byteWidth
        return Column(
            copying: self,
            values: bits != nil
                ? values : values.slice(range.lowerBound * width..<range.upperBound * width),
            bits: bits?.slice(range), count: range.count, validity: validity?.slice(range))
    }

    /// The values in a type that they need no change for: strings as bytes, bytes as strings where
    /// all are UTF-8; `nil` when they are none of that type.
    public func reread(as type: DataType) -> Column? {
        switch (self.type, type) {
        case _ where self.type == type: return self
        case (.string, .binary): return asBinary()
        case (.binary, .string):
            guard let dictionary,
                let text = StringDictionary(
                    validatingOffsets: dictionary.offsets, bytes: dictionary.bytes,
                    count: dictionary.count)
            else { return nil }
            // Safe: the same codes into the same dictionary, which is text.
            return unsafe Column(
                uncheckedCodes: values, dictionary: text, count: count, validity: validity)
        default: return nil
        }
    }

    /// The same strings as bytes.
    public func asBinary() -> Column {
        guard let dictionary else { preconditionFailure("not a string column") }
        // Safe: the same codes into the same dictionary.
        return unsafe Column(
            .binary, uncheckedCodes: values, dictionary: dictionary, count: count,
            validity: validity)
    }

    @usableFromInline
    init(copying other: Column, values: Buffer, bits: Bitmap?, count: Int, validity: Bitmap?) {
        precondition(validity.map { $0.count == count } ?? true, "validity of another length")
        self.type = other.type
        self.count = count
        self.values = values
        self.validity = validity
        self.bits = bits
        self.dictionary = other.dictionary
    }
}
