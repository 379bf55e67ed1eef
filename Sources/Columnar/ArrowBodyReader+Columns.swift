extension ArrowBodyReader {
    /// One column as ours.
    mutating func column(
        _ field: ArrowField, at place: Place, _ dictionaries: ArrowDictionaries
    ) throws(ArrowError) -> Column {
        let (length, nullCount) = nodes[place.node]
        guard length == Int64(rowCount), nullCount >= 0, nullCount <= length else {
            throw ArrowError(
                .malformed, "\(length) values and \(nullCount) nulls in a batch of \(rowCount) rows"
            )
        }
        if field.type == .null && field.dictionary == nil {
            try requireNullable(field, rowCount)
            try charge(rowCount * 8)
            return Column(repeating: .null, .string, count: rowCount)
        }
        var validity: Bitmap?
        if nullCount > 0 {
            let byteCount = (rowCount + 7) / 8
            let bits = try buffer(place.buffer, byteCount: byteCount, for: UInt8.self)
            validity = Bitmap(bits, count: rowCount)
            try requireNullable(field, rowCount - (validity?.setBitCount ?? 0))
        }
        if let dictionary = field.dictionary {
            let codes = try integers(
                dictionary.index, place.buffer + 1, validity, as: Int32.self)
            return try coded(
                codes, dictionaries.entries[dictionary.id], field, validity: validity)
        }
        return try values(field, place, validity)
    }

    private func requireNullable(_ field: ArrowField, _ nullCount: Int) throws(ArrowError) {
        guard nullCount == 0 || field.isNullable else {
            throw ArrowError(.malformed, "\(nullCount) nulls in a column that is NOT NULL")
        }
    }

    private mutating func values(
        _ field: ArrowField, _ place: Place, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let data = place.buffer + 1
        switch field.type {
        case .null: preconditionFailure("a null column has no buffers")
        case .boolean:
            let bits = try buffer(data, byteCount: (rowCount + 7) / 8, for: UInt8.self)
            return Column(bits: Bitmap(bits, count: rowCount), validity: validity)
        case .integer where field.type.dataType == .int:
            let values = try integers(field.type, data, validity, as: Int32.self)
            return Column(.int, values: values, count: rowCount, validity: validity)
        case .integer:
            let values = try integers(field.type, data, validity, as: Int64.self)
            return Column(.long, values: values, count: rowCount, validity: validity)
        case .float32:
            let values = try convert(data, validity, Float.self) { Double($0) }
            return Column(.double, values: values, count: rowCount, validity: validity)
        case .float64:
            return try fixed(.double, data, Double.self, validity)
        case .date32:
            return try fixed(.date, data, Int32.self, validity)
        case .date64:
            let days = try convert(data, validity, Int64.self) {
                Int32(exactly: floorDivide($0, microsPerDay / 1_000))
            }
            return Column(.date, values: days, count: rowCount, validity: validity)
        case .timestamp(let perSecond):
            return try timestamps(data, perSecond: perSecond, validity)
        case .decimal128(let precision, _):
            return try decimals(field.type.dataType, data, precision: precision, validity)
        case .utf8:
            return try strings(data, Int32.self, validity)
        case .largeUtf8:
            return try strings(data, Int64.self, validity)
        case .utf8View:
            return try views(data, dataBuffers: place.dataBuffers, validity)
        }
    }

    private mutating func fixed<T: BitwiseCopyable>(
        _ type: DataType, _ index: Int, _ stored: T.Type, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let byteCount = rowCount * MemoryLayout<T>.stride
        let values = try buffer(index, byteCount: byteCount, for: stored)
        return Column(type, values: values, count: rowCount, validity: validity)
    }

    /// Values of one type as values of another; `nil` for one that does not fit.
    ///
    /// The value of a null row that does not fit becomes zero.
    private mutating func convert<S: BitwiseCopyable, T: BitwiseCopyable>(
        _ index: Int, _ validity: Bitmap?, _ stored: S.Type, _ transform: (S) -> T?
    ) throws(ArrowError) -> Buffer where T: ExpressibleByIntegerLiteral {
        let source = try buffer(
            index, byteCount: rowCount * MemoryLayout<S>.stride, for: S.self)
        try charge(rowCount * MemoryLayout<T>.stride)
        let values = source.span(of: S.self)
        return try Buffer(of: T.self, count: rowCount) { (output) throws(ArrowError) in
            for row in 0..<rowCount {
                if let value = transform(values[row]) {
                    output.append(value)
                } else if let validity, !validity[row] {
                    output.append(0)
                } else {
                    throw ArrowError(
                        .valueOutOfRange, "the value of row \(row) (\(values[row])) does not fit")
                }
            }
        }
    }

    private mutating func integers<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: ArrowType, _ index: Int, _ validity: Bitmap?, as target: T.Type
    ) throws(ArrowError) -> Buffer {
        guard case .integer(let bits, let isSigned) = type else {
            throw ArrowError(.malformed, "an index that is not an integer")
        }
        if bits == T.bitWidth && isSigned {
            return try buffer(index, byteCount: rowCount * bits / 8, for: T.self)
        }
        switch (bits, isSigned) {
        case (8, true): return try convert(index, validity, Int8.self) { T(exactly: $0) }
        case (8, false): return try convert(index, validity, UInt8.self) { T(exactly: $0) }
        case (16, true): return try convert(index, validity, Int16.self) { T(exactly: $0) }
        case (16, false): return try convert(index, validity, UInt16.self) { T(exactly: $0) }
        case (32, true): return try convert(index, validity, Int32.self) { T(exactly: $0) }
        case (32, false): return try convert(index, validity, UInt32.self) { T(exactly: $0) }
        case (_, true): return try convert(index, validity, Int64.self) { T(exactly: $0) }
        case (_, false): return try convert(index, validity, UInt64.self) { T(exactly: $0) }
        }
    }

    private mutating func timestamps(
        _ index: Int, perSecond: Int64, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        if perSecond == 1_000_000 {
            return try fixed(.timestamp, index, Int64.self, validity)
        }
        let factor = 1_000_000 / perSecond
        let micros = try convert(index, validity, Int64.self) { value -> Int64? in
            // Nanoseconds are rounded down, so that order is kept.
            if factor == 0 { return floorDivide(value, 1_000) }
            let (product, overflow) = value.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return Column(.timestamp, values: micros, count: rowCount, validity: validity)
    }

    private mutating func decimals(
        _ type: DataType, _ index: Int, precision: Int, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        var limit: Int128 = 1
        for _ in 0..<precision { limit *= 10 }
        if type.layout == .int64 {
            let narrow = try convert(index, validity, Int128.self) { value -> Int64? in
                value > -limit && value < limit ? Int64(value) : nil
            }
            return Column(type, values: narrow, count: rowCount, validity: validity)
        }
        let column = try fixed(type, index, Int128.self, validity)
        let values = column.int128s
        for row in values.indices where values[row] <= -limit || values[row] >= limit {
            if column.isNull(row) { continue }
            throw ArrowError(
                .valueOutOfRange, "the value of row \(row) has more than \(precision) digits")
        }
        return column
    }
}
