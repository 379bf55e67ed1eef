import Columnar

/// A bound of some values, or a value that is looked for, in the order of its type.
enum BoundKey: Comparable {
    /// Integers, dates, timestamps, unscaled decimals; false and true as 0 and 1.
    case number(Int128)
    case double(Double)
    case bytes([UInt8])

    static func < (left: BoundKey, right: BoundKey) -> Bool {
        switch (left, right) {
        case (.number(let a), .number(let b)): a < b
        case (.double(let a), .double(let b)): a < b
        case (.bytes(let a), .bytes(let b)): a.lexicographicallyPrecedes(b)
        default: preconditionFailure("bounds of one column are of one kind")
        }
    }
}

extension LeafColumn {
    /// A value as it stands in the order of this column; nil for null and values of other types.
    func key(of value: Value) -> BoundKey? {
        switch (value, field.type) {
        case (.boolean(let value), .boolean): .number(value ? 1 : 0)
        case (.int(let value), .int), (.date(let value), .date): .number(Int128(value))
        case (.long(let value), .long), (.timestamp(let value), .timestamp):
            .number(Int128(value))
        case (.double(let value), .double): value.isNaN ? nil : .double(value)
        case (.decimal(let unscaled, let scale), .decimal(_, let own)) where scale == own:
            .number(unscaled)
        case (.string(let value), .string) where meaning == .text: .bytes(Array(value.utf8))
        case (.binary(let value), .binary): .bytes(value)
        default: nil
        }
    }

    /// A bound of the statistics in the same order; nil when it is not one, or says nothing.
    func key(ofBound bytes: [UInt8]) -> BoundKey? {
        func number<T: FixedWidthInteger>(_ type: T.Type) -> T? {
            guard bytes.count == MemoryLayout<T>.size else { return nil }
            // Safe: just checked.
            return unsafe bytes.withUnsafeBytes {
                unsafe T(littleEndian: $0.loadUnaligned(as: T.self))
            }
        }
        func double(_ value: Double?) -> BoundKey? {
            // NaN is no bound; some old writers took it for one.
            value.flatMap { $0.isNaN ? nil : .double($0) }
        }
        switch meaning {
        case .boolean: return number(UInt8.self).map { .number(Int128($0)) }
        case .int32: return number(Int32.self).map { .number(Int128($0)) }
        case .unsigned32: return number(UInt32.self).map { .number(Int128($0)) }
        case .int64: return number(Int64.self).map { .number(Int128($0)) }
        case .unsigned64: return number(UInt64.self).map { .number(Int128($0)) }
        case .millis: return number(Int64.self).map { .number(Int128($0) * 1_000) }
        case .millis32: return number(Int32.self).map { .number(Int128($0) * 1_000) }
        case .nanos: return number(Int64.self).map { .number(Int128(floorDivide($0, 1_000))) }
        case .float: return double(number(UInt32.self).map { Double(Float(bitPattern: $0)) })
        case .double: return double(number(UInt64.self).map { Double(bitPattern: $0) })
        case .float16: return double(number(UInt16.self).map { Float16Bits($0).double })
        case .text, .bytes: return .bytes(bytes)
        case .decimal:
            switch physicalType {
            case .int32: return number(Int32.self).map { .number(Int128($0)) }
            case .int64: return number(Int64.self).map { .number(Int128($0)) }
            default: return unsafe bigEndianInteger(bytes.span.bytes).map { .number($0) }
            }
        // INT96 has no defined order; the others are read as text.
        case .int96, .uuid, .wideDecimal, .interval, .nulls: return nil
        }
    }

    /// The PLAIN bytes of a value, as bloom filters hash them; nil where there is no one form.
    func plainBytes(of key: BoundKey) -> [UInt8]? {
        var bytes: [UInt8] = []
        switch (meaning, key) {
        case (.int32, .number(let value)):
            bytes.append(littleEndian: Int32(truncatingIfNeeded: value))
        case (.int64, .number(let value)):
            bytes.append(littleEndian: Int64(truncatingIfNeeded: value))
        case (.decimal, .number(let value)) where physicalType == .int32:
            bytes.append(littleEndian: Int32(truncatingIfNeeded: value))
        case (.decimal, .number(let value)) where physicalType == .int64:
            bytes.append(littleEndian: Int64(truncatingIfNeeded: value))
        // The two zeros are equal and have different bytes.
        case (.double, .double(let value)) where value != 0:
            bytes.append(littleEndian: value.bitPattern)
        case (.text, .bytes(let text)), (.bytes, .bytes(let text)):
            guard physicalType == .byteArray else { return nil }
            bytes = text
        default: return nil
        }
        return bytes
    }
}
