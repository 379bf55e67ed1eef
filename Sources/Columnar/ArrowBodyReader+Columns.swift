extension ArrowBodyReader {
    /// One column as ours.
    mutating func column(
        _ field: ArrowField, at place: Place, _ dictionaries: ArrowDictionaries
    ) throws(ArrowError) -> Column {
        guard let runs = field.runs else { return try flatColumn(field, at: place, dictionaries) }
        _ = try nullCount(place.node)
        let runCount = nodes[place.node + 1].0
        guard nodes[place.node].1 == 0, nodes[place.node + 1].1 == 0, runCount >= 0,
            runCount <= Int64(rowCount)
        else { throw Self.invalidRuns }
        // The ends and the values are columns of their own, with a row a run.
        let rows = rowCount
        rowCount = Int(runCount)
        defer { rowCount = rows }
        let first = place.buffer + runs.buffersBefore
        let ends = try integers(runs.ends, first + 1, nil, as: Int32.self)
        let values = try flatColumn(
            field,
            at: Place(node: place.node + 2, buffer: first + 2, dataBuffers: place.dataBuffers),
            dictionaries)
        try charge(rows * (4 + values.type.byteWidth) + rows / 4)
        return values.gather(try Self.runIndices(ends.span(of: Int32.self), rows: rows))
    }

    /// The run of each row.
    private static func runIndices(
        _ ends: Span<Int32>, rows: Int
    ) throws(ArrowError) -> [Int32] {
        var indices: [Int32] = []
        indices.reserveCapacity(rows)
        for run in ends.indices {
            guard ends[run] > (run == 0 ? 0 : ends[run - 1]) else { throw invalidRuns }
            for _ in indices.count..<min(rows, Int(ends[run])) { indices.append(Int32(run)) }
        }
        guard indices.count == rows else { throw invalidRuns }
        return indices
    }

    private static var invalidRuns: ArrowError {
        ArrowError(.malformed, "the ends of runs do not ascend to the number of rows")
    }

    /// The nulls of a column, which must have the rows of the message.
    private func nullCount(_ node: Int) throws(ArrowError) -> Int64 {
        let (length, nullCount) = nodes[node]
        guard length == Int64(rowCount), nullCount >= 0, nullCount <= length else {
            throw ArrowError(
                .malformed, "\(length) values and \(nullCount) nulls in a batch of \(rowCount) rows"
            )
        }
        return nullCount
    }

    private mutating func flatColumn(
        _ field: ArrowField, at place: Place, _ dictionaries: ArrowDictionaries
    ) throws(ArrowError) -> Column {
        let nullCount = try nullCount(place.node)
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
            let column = try coded(
                codes, dictionaries.entries[dictionary.id], field, validity: validity)
            // A null in the dictionary is a null in the column.
            if !field.isNullable { try requireNullable(field, column.nullCount) }
            return column
        }
        return try values(field.type, place, validity)
    }

    private func requireNullable(_ field: ArrowField, _ nullCount: Int) throws(ArrowError) {
        guard nullCount == 0 || field.isNullable else {
            throw ArrowError(.malformed, "\(nullCount) nulls in a column that is NOT NULL")
        }
    }

    /// The values of a type, as a column.
    mutating func values(
        _ type: ArrowType, _ place: Place, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let data = place.buffer + 1
        switch type {
        case .null: preconditionFailure("a null column has no buffers")
        case .boolean:
            let bits = try buffer(data, byteCount: (rowCount + 7) / 8, for: UInt8.self)
            return Column(bits: Bitmap(bits, count: rowCount), validity: validity)
        case .integer where type.dataType == .int:
            let values = try integers(type, data, validity, as: Int32.self)
            return Column(.int, values: values, count: rowCount, validity: validity)
        case .integer:
            let values = try integers(type, data, validity, as: Int64.self)
            return Column(.long, values: values, count: rowCount, validity: validity)
        case .float16:
            let values = try convert(data, validity, UInt16.self) { Float16Bits($0).double }
            return Column(.double, values: values, count: rowCount, validity: validity)
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
        case .timestamp(let perSecond), .duration(let perSecond):
            return try micros(type.dataType, data, Int64.self, perSecond: perSecond, validity)
        case .time(let perSecond) where perSecond <= 1_000:
            return try micros(.long, data, Int32.self, perSecond: perSecond, validity)
        case .time(let perSecond):
            return try micros(.long, data, Int64.self, perSecond: perSecond, validity)
        case .interval(let unit):
            return try intervals(unit, data, validity)
        case .decimal(_, let precision, let scale) where type.dataType == .string:
            return try wideDecimals(data, precision: precision, scale: scale, validity)
        case .decimal(let bits, let precision, _):
            return try decimals(type.dataType, data, (bits, precision), validity)
        case .bytes(let layout, _):
            return try strings(
                type.dataType, layout, data, dataBuffers: place.dataBuffers, validity)
        }
    }

    mutating func fixed<T: BitwiseCopyable>(
        _ type: DataType, _ index: Int, _ stored: T.Type, _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        let byteCount = rowCount * MemoryLayout<T>.stride
        let values = try buffer(index, byteCount: byteCount, for: stored)
        return Column(type, values: values, count: rowCount, validity: validity)
    }

    /// Values of one type as values of another; `nil` for one that does not fit, and `fault` says
    /// why.
    ///
    /// The value of a null row that does not fit becomes zero.
    private mutating func convert<S: BitwiseCopyable, T: BitwiseCopyable>(
        _ index: Int, _ validity: Bitmap?, _ stored: S.Type,
        fault: (S) -> String = { "(\($0)) does not fit" }, _ transform: (S) -> T?
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
                        .valueOutOfRange, "the value of row \(row) \(fault(values[row]))")
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

    /// Ticks of a unit as microseconds.
    private mutating func micros<Stored: FixedWidthInteger & BitwiseCopyable>(
        _ type: DataType, _ index: Int, _ stored: Stored.Type, perSecond: Int64,
        _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        if perSecond == 1_000_000 {
            return try fixed(type, index, stored, validity)
        }
        let factor = 1_000_000 / perSecond
        func fault(_ value: Stored) -> String {
            "(\(value)) does not fit in 64 bits as microseconds"
        }
        let micros = try convert(index, validity, stored, fault: fault) { value -> Int64? in
            // Nanoseconds are rounded down, so that order is kept.
            if factor == 0 { return floorDivide(Int64(value), 1_000) }
            let (product, overflow) = Int64(value).multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return Column(type, values: micros, count: rowCount, validity: validity)
    }

    private mutating func decimals(
        _ type: DataType, _ index: Int, _ stored: (bits: Int, precision: Int), _ validity: Bitmap?
    ) throws(ArrowError) -> Column {
        switch stored.bits {
        case 128 where type.layout == .int128:
            // Used where they are.
            let column = try fixed(type, index, Int128.self, validity)
            let values = column.int128s
            let limit = Self.limit(stored.precision)
            for row in values.indices where values[row].magnitude >= limit.magnitude {
                if column.isNull(row) { continue }
                throw ArrowError(
                    .valueOutOfRange,
                    "the value of row \(row) \(Self.tooLong(values[row], stored.precision))")
            }
            return column
        case 32:
            return try decimals(type, index, stored.precision, validity, Int32.self) { Int128($0) }
        case 64:
            return try decimals(type, index, stored.precision, validity, Int64.self) { Int128($0) }
        case 128: return try decimals(type, index, stored.precision, validity, Int128.self) { $0 }
        default:
            return try decimals(type, index, stored.precision, validity, Int256Bits.self) {
                $0.value
            }
        }
    }

    /// Unscaled values, which `widen` gives in 128 bits if they fit.
    private mutating func decimals<Stored: BitwiseCopyable>(
        _ type: DataType, _ index: Int, _ precision: Int, _ validity: Bitmap?,
        _ stored: Stored.Type, _ widen: (Stored) -> Int128?
    ) throws(ArrowError) -> Column {
        let limit = Self.limit(precision)
        func unscaled(_ value: Stored) -> Int128? {
            widen(value).flatMap { $0.magnitude < limit.magnitude ? $0 : nil }
        }
        func fault(_ value: Stored) -> String { Self.tooLong(widen(value), precision) }
        let values =
            type.layout == .int64
            ? try convert(index, validity, stored, fault: fault) { unscaled($0).map { Int64($0) } }
            : try convert(index, validity, stored, fault: fault) { unscaled($0) }
        return Column(type, values: values, count: rowCount, validity: validity)
    }

    private static func limit(_ precision: Int) -> Int128 {
        (0..<precision).reduce(1) { power, _ in power * 10 }
    }

    /// What is said of a decimal with more digits than its type has; nil is one of over 128 bits.
    static func tooLong(_ value: Int128?, _ precision: Int) -> String {
        "\(value.map { "(\($0)) " } ?? "")has more than the \(precision) digits of its type"
    }
}
