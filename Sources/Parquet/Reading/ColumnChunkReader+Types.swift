import Columnar

extension ColumnChunkReader {
    /// The wanted rows as a column of the leaf's type.
    mutating func read() throws(ParquetError) -> Column {
        switch leaf.meaning {
        case .nulls:
            return Column(repeating: .null, leaf.field.type, count: rows.count)
        case .boolean: return try readBooleans()
        case .int32: return try fixed(Unchanged<Int32>(), null: 0)
        case .unsigned32: return try fixed(Widened<UInt32, Int64>(), null: 0)
        case .int64: return try fixed(Unchanged<Int64>(), null: 0)
        case .unsigned64: return try fixed(Widened<UInt64, Int128>(), null: 0)
        case .float: return try fixed(FloatAsDouble(), null: 0)
        case .double: return try fixed(Unchanged<Double>(), null: 0)
        case .millis: return try fixed(MillisAsMicros<Int64>(), null: 0)
        case .millis32: return try fixed(MillisAsMicros<Int32>(), null: 0)
        case .nanos: return try fixed(NanosAsMicros(), null: 0)
        case .int96: return try fixed(Int96AsMicros(), null: 0)
        case .decimal(let precision): return try readDecimals(precision)
        case .float16:
            // Not in one expression: `column` would see the state before reading.
            let values = try byteArrays(Float16AsDouble(budget: budget), null: 0)
            return column(values)
        case .text, .bytes, .uuid, .wideDecimal, .interval: return try readStrings()
        }
    }

    // MARK: Fixed width

    private func column(_ values: Buffer) -> Column {
        Column(leaf.field.type, values: values, count: rows.count, validity: rowValidity)
    }

    private mutating func fixed<Form: FixedForm>(
        _ form: Form, null: Form.Out
    ) throws(ParquetError) -> Column {
        let physical = leaf.physicalType
        try chargeEntries(Form.Out.self)
        let entries = try dictionary { page, count throws(ParquetError) -> [Form.Out] in
            var values = try FixedValues(page, .plain, physical, form, count: count)
            return try values.all(count)
        }
        let values = try decode(null: null, entries) { encoding, page, count throws(ParquetError) in
            try FixedValues(page, encoding, physical, form, count: count)
        }
        return column(values)
    }

    private mutating func readBooleans() throws(ParquetError) -> Column {
        let entries = try dictionary { page, _ throws(ParquetError) -> [UInt8] in
            throw page.damaged("booleans with a dictionary")
        }
        let values = try decode(null: 0, entries) { encoding, page, count throws(ParquetError) in
            try BooleanValues(page, encoding, count: count)
        }
        let bytes = values.span(of: UInt8.self)
        let bits = Bitmap(wordsFor: rows.count) { index in
            var word: UInt64 = 0
            for row in index * 64..<min(rows.count, index * 64 + 64) {
                word |= UInt64(bytes[row]) << UInt64(row & 63)
            }
            return word
        }
        return Column(bits: bits, validity: rowValidity)
    }

    private mutating func readDecimals(_ precision: Int) throws(ParquetError) -> Column {
        let isWide = leaf.field.type.layout == .int128
        switch leaf.physicalType {
        case .int32: return try fixed(NarrowDecimal<Int32>(precision), null: 0)
        // Nineteen digits are the most that 64 bits hold.
        case .int64 where isWide: return try fixed(Widened<Int64, Int128>(), null: 0)
        case .int64: return try fixed(NarrowDecimal<Int64>(precision), null: 0)
        default: break
        }
        let values =
            isWide
            ? try byteArrays(BigEndianDecimal<Int128>(precision, budget), null: 0)
            : try byteArrays(BigEndianDecimal<Int64>(precision, budget), null: 0)
        return column(values)
    }

    /// Charges what the values of the dictionary take.
    private func chargeEntries<Out>(_ type: Out.Type) throws(ParquetError) {
        try budget.charge(dictionaryCount, of: MemoryLayout<Out>.stride, "a dictionary")
    }

    // MARK: Byte arrays

    /// The length of every value, where they have one.
    private var fixedLength: Int? {
        leaf.physicalType == .fixedLengthByteArray ? leaf.typeLength : nil
    }

    private mutating func byteArrays<Form: ByteArrayForm>(
        _ form: Form, null: Form.Out
    ) throws(ParquetError) -> Buffer {
        let length = fixedLength
        try chargeEntries(Form.Out.self)
        let entries = try dictionary { page, count throws(ParquetError) in
            try page.byteArrays(length, count: count, form)
        }
        return try decode(null: null, entries) { encoding, page, count throws(ParquetError) in
            try ByteArrayValues(page, encoding, length: length, count: count, form)
        }
    }

    private mutating func readStrings() throws(ParquetError) -> Column {
        let interner = StringInterner()
        switch leaf.meaning {
        case .uuid: return try readStrings(InternedUUID(budget: budget, interner: interner))
        case .bytes: return try readStrings(InternedBytes(budget: budget, interner: interner))
        case .interval:
            return try readStrings(InternedInterval(budget: budget, interner: interner))
        case .wideDecimal(let precision, let scale):
            return try readStrings(
                InternedDecimal(
                    budget: budget, interner: interner, precision: precision, scale: scale))
        default: return try readStrings(InternedText(budget: budget, interner: interner))
        }
    }

    private mutating func readStrings<Form: InternedForm>(
        _ form: Form
    ) throws(ParquetError) -> Column {
        let length = fixedLength
        let limit = budget.left
        try chargeEntries(Int32.self)
        let known = try dictionary { page, count throws(ParquetError) in
            try KnownStrings(page, length, count: count, form, limit: limit)
        }
        if let known { try budget.charge(known.chargedBytes, "distinct strings") }
        let others = OtherStrings(form.interner, behind: known?.entries)
        let codes = try decode(null: 0, known?.codes) {
            encoding, page, count throws(ParquetError) in
            others.begin()
            return try ByteArrayValues(page, encoding, length: length, count: count, form)
        }
        // Safe: every code is one that an interner gave, or that of a null.
        return unsafe Column(
            leaf.field.type, uncheckedCodes: codes, dictionary: others.entries, count: rows.count,
            validity: rowValidity)
    }
}

/// The strings of a dictionary page.
private struct KnownStrings: Sendable {
    /// The number of each entry of the page among the distinct ones.
    let codes: [Int32]
    let entries: StringDictionary
    /// What they take in memory; it is charged to each range that has them.
    let chargedBytes: Int

    init<Form: InternedForm>(
        _ page: ByteCursor, _ length: Int?, count: Int, _ form: Form, limit: Int
    ) throws(ParquetError) {
        var own = form
        own.budget = ReadBudget(limit)
        own.interner = StringInterner()
        codes = try page.byteArrays(length, count: count, own)
        entries = own.interner.dictionary()
        chargedBytes = own.budget.used
    }
}

/// The distinct strings of a range of rows: those of the dictionary page and, behind them, those of
/// pages that do not use it.
private final class OtherStrings {
    private let interner: StringInterner
    private let known: StringDictionary?
    private var hasBegun = false

    /// `interner` is empty, and from `begin` on that of the pages.
    init(_ interner: StringInterner, behind known: StringDictionary?) {
        self.interner = interner
        self.known = known
    }

    /// Comes before the strings of a page.
    func begin() {
        guard !hasBegun else { return }
        hasBegun = true
        guard let known else { return }
        // They are distinct, so each gets the number that it has.
        var numbers: [Int32] = []
        numbers.reserveCapacity(known.count)
        interner.intern(known, base: 0, into: &numbers)
    }

    var entries: StringDictionary {
        let entries = hasBegun ? interner.dictionary() : known
        // Null rows have the code 0, which must mean something.
        guard let entries, entries.count > 0 else { return .oneEmptyEntry }
        return entries
    }
}

extension ByteCursor {
    /// The values of a dictionary page.
    fileprivate func byteArrays<Form: ByteArrayForm>(
        _ length: Int?, count: Int, _ form: Form
    ) throws(ParquetError) -> [Form.Out] {
        guard count <= remaining / (length ?? 4) else {
            throw damaged("a dictionary of \(count) entries in fewer bytes")
        }
        var values = try ByteArrayValues(self, .plain, length: length, count: count, form)
        return try values.all(count)
    }
}
