extension ArrowBodyReader {
    /// The values of a dictionary message.
    mutating func dictionary(_ type: ArrowType) throws(ArrowError) -> ArrowDictionaries.Entry {
        guard let node = nodes.first, nodes.count == 1, node.0 == Int64(rowCount),
            node.1 >= 0, node.1 <= node.0
        else {
            throw ArrowError(.malformed, "a dictionary is one column of values")
        }
        if type == .null {
            // Nulls have no buffers.
            try charge(rowCount * 8)
            let offsets = Buffer(of: Int32.self, count: rowCount + 1) { _ in }
            // Safe: every entry is empty.
            let entries = unsafe StringDictionary(
                uncheckedOffsets: offsets, bytes: .empty, count: rowCount)
            return .strings(entries, Bitmap(repeating: false, count: rowCount))
        }
        var validity: Bitmap?
        if node.1 > 0 {
            let bits = try buffer(0, byteCount: (rowCount + 7) / 8, for: UInt8.self)
            validity = Bitmap(bits, count: rowCount)
        }
        if case .bytes(.offsets, let isText) = type {
            // Used where they are.
            return .strings(try strings(at: 1, isText: isText), validity)
        }
        let column = try values(
            type, Place(node: 0, buffer: 0, dataBuffers: max(0, bufferCount - 2)), validity)
        guard let entries = column.dictionary else { return .values(column) }
        // Values that repeat share an entry in the column; the dictionary needs them in place.
        let codes = column.int32s
        var byteCount = 0
        for row in codes.indices { byteCount += entries.range(at: Int(codes[row])).count }
        guard byteCount <= StringDictionary.byteCountMax else {
            throw ArrowError(.tooLarge, "a dictionary of more than 2 GiB of strings")
        }
        // The bytes grow in one place and are copied to another.
        try charge(rowCount * 12 + 3 * byteCount)
        return .strings(entries.gather(codes.indices.map { codes[$0] }), validity)
    }

    /// Codes from outside and what they mean as a column.
    mutating func coded(
        _ codes: Buffer, _ entry: ArrowDictionaries.Entry?, _ field: ArrowField,
        validity: Bitmap?
    ) throws(ArrowError) -> Column {
        switch entry {
        case .strings(let strings, let known):
            guard
                let column = Column(
                    field.type.dataType, validatingCodes: codes, dictionary: strings,
                    count: rowCount, validity: validity)
            else { throw Self.outsideOfDictionary }
            guard let known else { return column }
            let values = column.int32s
            var bits = [Bool](repeating: true, count: rowCount)
            for row in values.indices {
                bits[row] = !column.isNull(row) && known[Int(values[row])]
            }
            return column.withValidity(Bitmap(bits))
        case .values(let values) where values.count > 0:
            try charge(rowCount * (4 + values.type.byteWidth) + rowCount / 4)
            let indices = try Self.indices(codes.span(of: Int32.self), values.count, validity)
            let column = values.gather(indices)
            guard let validity else { return column }
            return column.withValidity(column.validity.map { $0 & validity } ?? validity)
        case .values, nil:
            // Without a dictionary message, or values in it, only nulls make sense.
            guard rowCount == 0 || validity?.setBitCount == 0 else {
                throw Self.outsideOfDictionary
            }
            try charge(rowCount * 16)
            return Column(repeating: .null, field.type.dataType, count: rowCount)
        }
    }

    /// Codes as indices; those of null rows are 0.
    private static func indices(
        _ codes: Span<Int32>, _ count: Int, _ validity: Bitmap?
    ) throws(ArrowError) -> [Int32] {
        var indices: [Int32] = []
        indices.reserveCapacity(codes.count)
        for row in codes.indices {
            if let validity, !validity[row] {
                indices.append(0)
            } else {
                guard codes[row] >= 0, Int(codes[row]) < count else { throw outsideOfDictionary }
                indices.append(codes[row])
            }
        }
        return indices
    }

    private static var outsideOfDictionary: ArrowError {
        ArrowError(.malformed, "an index points outside of the dictionary")
    }
}
