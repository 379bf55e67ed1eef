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
        let values = try decode(null: null) { page, count throws(ParquetError) in
            var values = try FixedValues(page, .plain, physical, form, count: count)
            return try values.all(count)
        } data: { encoding, page, count throws(ParquetError) in
            try FixedValues(page, encoding, physical, form, count: count)
        }
        return column(values)
    }

    private mutating func readBooleans() throws(ParquetError) -> Column {
        let values = try decode(null: UInt8(0)) { page, _ throws(ParquetError) -> [UInt8] in
            throw page.damaged("booleans with a dictionary")
        } data: { encoding, page, count throws(ParquetError) in
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

    // MARK: Byte arrays

    private mutating func byteArrays<Form: ByteArrayForm>(
        _ form: Form, null: Form.Out
    ) throws(ParquetError) -> Buffer {
        let length = leaf.physicalType == .fixedLengthByteArray ? leaf.typeLength : nil
        return try decode(null: null) { page, count throws(ParquetError) in
            guard count <= page.remaining / (length ?? 4) else {
                throw page.damaged("a dictionary of \(count) entries in fewer bytes")
            }
            var values = try ByteArrayValues(page, .plain, length: length, count: count, form)
            return try values.all(count)
        } data: { encoding, page, count throws(ParquetError) in
            try ByteArrayValues(page, encoding, length: length, count: count, form)
        }
    }

    private mutating func readStrings() throws(ParquetError) -> Column {
        let interner = StringInterner()
        let codes =
            switch leaf.meaning {
            case .uuid: try byteArrays(InternedUUID(budget: budget, interner: interner), null: 0)
            case .bytes: try byteArrays(InternedBytes(budget: budget, interner: interner), null: 0)
            case .interval:
                try byteArrays(InternedInterval(budget: budget, interner: interner), null: 0)
            case .wideDecimal(let precision, let scale):
                try byteArrays(
                    InternedDecimal(
                        budget: budget, interner: interner, precision: precision, scale: scale),
                    null: 0)
            default: try byteArrays(InternedText(budget: budget, interner: interner), null: 0)
            }
        // Null rows have the code 0, which must mean something.
        if interner.count == 0 { _ = interner.intern("") }
        // Safe: every code is one that the interner gave.
        return unsafe Column(
            leaf.field.type, uncheckedCodes: codes, dictionary: interner.dictionary(),
            count: rows.count,
            validity: rowValidity)
    }
}
