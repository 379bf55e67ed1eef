/// Grows a column row by row, for input that comes in rows (CSV, JSON) and for cold code.
///
/// Kernels that know their length fill a `Buffer` instead, which is many times faster.
public struct ColumnBuilder {
    /// The type of the column.
    public let type: DataType
    /// The number of rows appended.
    public private(set) var count = 0

    private var int32s: [Int32] = []
    private var int64s: [Int64] = []
    private var int128s: [Int128] = []
    private var doubles: [Double] = []
    private var booleans: [Bool] = []
    private var valid: [Bool] = []
    private var hasNulls = false
    private var interner: StringInterner?

    /// An empty builder with room for `capacity` rows.
    public init(_ type: DataType, capacity: Int = 0) {
        self.type = type
        valid.reserveCapacity(capacity)
        switch type.layout {
        case .bits: booleans.reserveCapacity(capacity)
        case .int32: int32s.reserveCapacity(capacity)
        case .int64: int64s.reserveCapacity(capacity)
        case .int128: int128s.reserveCapacity(capacity)
        case .float64: doubles.reserveCapacity(capacity)
        case .dictionary:
            int32s.reserveCapacity(capacity)
            interner = StringInterner()
        }
    }

    /// The bytes of the distinct strings appended.
    ///
    /// Whoever appends strings without a bound on their sizes makes sure that it stays within
    /// `StringDictionary.byteCountMax`.
    public var stringBytes: Int { interner?.byteCount ?? 0 }

    /// Appends a null.
    public mutating func appendNull() {
        hasNulls = true
        switch type.layout {
        case .bits: booleans.append(false)
        case .int32, .dictionary: int32s.append(0)
        case .int64: int64s.append(0)
        case .int128: int128s.append(0)
        case .float64: doubles.append(0)
        }
        valid.append(false)
        count += 1
    }

    /// Appends to a boolean column.
    public mutating func append(boolean value: Bool) {
        booleans.append(value)
        appended()
    }

    /// Appends to an `int` or `date` (days) column.
    public mutating func append(int32 value: Int32) {
        precondition(type.layout == .int32, "not a 32-bit column")
        int32s.append(value)
        appended()
    }

    /// Appends to a `long`, `timestamp` (µs) or narrow decimal (unscaled) column.
    public mutating func append(int64 value: Int64) {
        int64s.append(value)
        appended()
    }

    /// Appends an unscaled value to a decimal column of any precision; it must fit.
    public mutating func append(unscaled value: Int128) {
        if type.layout == .int64 {
            int64s.append(Int64(value))
        } else {
            int128s.append(value)
        }
        appended()
    }

    /// Appends to a `double` column.
    public mutating func append(double value: Double) {
        doubles.append(value)
        appended()
    }

    /// Appends UTF-8 text to a string column; the caller has checked that it is well-formed.
    @unsafe
    public mutating func append(uncheckedUTF8 bytes: UnsafeRawBufferPointer) {
        guard let interner else { preconditionFailure("not a string column") }
        int32s.append(unsafe interner.intern(bytes))
        appended()
    }

    /// Appends to a string column.
    public mutating func append(string: String) {
        guard let interner else { preconditionFailure("not a string column") }
        int32s.append(interner.intern(string))
        appended()
    }

    /// Appends to a binary column.
    public mutating func append(binary bytes: [UInt8]) {
        guard let interner else { preconditionFailure("not a binary column") }
        int32s.append(unsafe bytes.withUnsafeBytes { unsafe interner.intern($0) })
        appended()
    }

    /// Appends a value, which is null or of the builder's type.
    public mutating func append(_ value: Value) {
        switch (value, type) {
        case (.null, _): appendNull()
        case (.boolean(let value), .boolean): append(boolean: value)
        case (.int(let value), .int): append(int32: value)
        case (.date(let value), .date): append(int32: value)
        case (.long(let value), .long): append(int64: value)
        case (.timestamp(let value), .timestamp): append(int64: value)
        case (.double(let value), .double): append(double: value)
        case (.decimal(let unscaled, let scale), .decimal(_, let own)) where scale == own:
            append(unscaled: unscaled)
        case (.string(let value), .string): append(string: value)
        case (.binary(let value), .binary): append(binary: value)
        default: preconditionFailure("a value \(value) in a column of type \(type)")
        }
    }

    /// The column of everything appended.
    ///
    /// The builder is then spent.
    public consuming func finish() -> Column {
        let validity = hasNulls ? Bitmap(valid) : nil
        switch type.layout {
        case .bits: return Column(bits: Bitmap(booleans), validity: validity)
        case .int32: return column(Buffer(copying: int32s), validity)
        case .int64: return column(Buffer(copying: int64s), validity)
        case .int128: return column(Buffer(copying: int128s), validity)
        case .float64: return column(Buffer(copying: doubles), validity)
        case .dictionary:
            guard let interner else { preconditionFailure("a string builder has an interner") }
            // The invariant of string columns: null rows have a code that means something.
            if interner.count == 0 { _ = interner.intern("") }
            return unsafe Column(
                type, uncheckedCodes: Buffer(copying: int32s), dictionary: interner.dictionary(),
                count: count, validity: validity)
        }
    }

    private func column(_ values: Buffer, _ validity: Bitmap?) -> Column {
        Column(type, values: values, count: count, validity: validity)
    }

    private mutating func appended() {
        valid.append(true)
        count += 1
    }
}
