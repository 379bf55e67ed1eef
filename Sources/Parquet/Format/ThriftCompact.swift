import Columnar

// Thrift's compact protocol, as far as Parquet's metadata needs it.
//
// A struct is a sequence of fields and a zero byte. A field starts with one byte: the distance
// from the last field's id in the high four bits (0: the id follows, zigzag-coded), the type in
// the low four. A boolean field has no further bytes; integers are zigzag varints; a double is
// eight bytes; binary is a length and bytes; a list is one byte with size (15: a varint follows)
// and element type, then the elements.

enum ThriftType: UInt8 {
    case stop = 0
    case booleanTrue = 1
    case booleanFalse = 2
    case byte = 3
    case int16 = 4
    case int32 = 5
    case int64 = 6
    case double = 7
    case binary = 8
    case list = 9
    case set = 10
    case map = 11
    case structure = 12
}

struct ThriftWriter {
    private(set) var bytes: [UInt8] = []
    private var lastField: Int16 = 0

    private mutating func writeField(_ id: Int16, _ type: ThriftType) {
        let distance = id - lastField
        precondition(distance > 0, "fields are written in ascending order")
        if distance <= 15 {
            bytes.append(UInt8(distance) << 4 | type.rawValue)
        } else {
            bytes.append(type.rawValue)
            bytes.append(zigzag: Int64(id))
        }
        lastField = id
    }

    mutating func write(_ id: Int16, int32 value: Int32?) {
        guard let value else { return }
        writeField(id, .int32)
        bytes.append(zigzag: Int64(value))
    }

    mutating func write(_ id: Int16, int16 value: Int16?) {
        guard let value else { return }
        writeField(id, .int16)
        bytes.append(zigzag: Int64(value))
    }

    mutating func write(_ id: Int16, int64 value: Int64?) {
        guard let value else { return }
        writeField(id, .int64)
        bytes.append(zigzag: value)
    }

    mutating func write(_ id: Int16, boolean value: Bool?) {
        guard let value else { return }
        writeField(id, value ? .booleanTrue : .booleanFalse)
    }

    mutating func write(_ id: Int16, binary value: [UInt8]?) {
        guard let value else { return }
        writeField(id, .binary)
        append(binary: value)
    }

    mutating func write(_ id: Int16, string value: String?) {
        write(id, binary: value.map { Array($0.utf8) })
    }

    mutating func write(_ id: Int16, _ body: (inout ThriftWriter) -> Void) {
        writeField(id, .structure)
        writeStructure(body)
    }

    /// A list whose elements `element` appends.
    mutating func write<T>(
        _ id: Int16, list: [T], of type: ThriftType, _ element: (inout ThriftWriter, T) -> Void
    ) {
        writeField(id, .list)
        if list.count < 15 {
            bytes.append(UInt8(list.count) << 4 | type.rawValue)
        } else {
            bytes.append(0xf0 | type.rawValue)
            bytes.append(varint: UInt64(list.count))
        }
        for value in list {
            if type == .structure {
                writeStructure { element(&$0, value) }
            } else {
                element(&self, value)
            }
        }
    }

    /// An element of a list of numbers.
    mutating func append(integer value: Int64) { bytes.append(zigzag: value) }

    /// An element of a list of binaries.
    mutating func append(binary value: [UInt8]) {
        bytes.append(varint: UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// An element of a list of booleans.
    mutating func append(boolean value: Bool) { bytes.append(value ? 1 : 2) }

    private mutating func writeStructure(_ body: (inout ThriftWriter) -> Void) {
        let outer = lastField
        lastField = 0
        body(&self)
        bytes.append(ThriftType.stop.rawValue)
        lastField = outer
    }

    /// The bytes of one struct.
    static func encode(_ body: (inout ThriftWriter) -> Void) -> [UInt8] {
        var writer = ThriftWriter()
        writer.writeStructure(body)
        return writer.bytes
    }
}

struct ThriftReader {
    var cursor: ByteCursor
    private var depth = 0

    /// Parquet's own metadata nests 7 deep.
    private static let depthMax = 32

    struct Field {
        let id: Int16
        let type: ThriftType
    }

    init(_ cursor: ByteCursor) { self.cursor = cursor }

    /// Reads a struct; `body` reads the value of each field it knows and returns true, or false
    /// to have it skipped.
    mutating func readStructure(
        _ body: (inout ThriftReader, Field) throws(ParquetError) -> Bool
    ) throws(ParquetError) {
        depth += 1
        guard depth <= Self.depthMax else { throw cursor.damaged("metadata nests too deep") }
        var last: Int16 = 0
        while true {
            let head = try cursor.readByte()
            if head == 0 { break }
            guard let type = ThriftType(rawValue: head & 15), type != .stop else {
                throw cursor.damaged("metadata has a field of unknown type \(head & 15)")
            }
            let distance = Int64(head >> 4)
            let id = distance == 0 ? try cursor.readZigzag() : Int64(last) + distance
            guard let id = Int16(exactly: id) else {
                throw cursor.damaged("metadata has a field id out of range")
            }
            last = id
            if try !body(&self, Field(id: id, type: type)) { try skip(type) }
        }
        depth -= 1
    }

    /// Reads a list of structs, or of what else `type` says; `element` reads one element.
    mutating func readList<T>(
        _ field: Field, of type: ThriftType = .structure,
        _ element: (inout ThriftReader) throws(ParquetError) -> T
    ) throws(ParquetError) -> [T] {
        try expect(field, .list)
        let (count, found) = try readListHead()
        let isBoolean = { (type: ThriftType) in type == .booleanTrue || type == .booleanFalse }
        guard count == 0 || found == type || isBoolean(found) && isBoolean(type) else {
            throw cursor.damaged("metadata has a list of another type than \(type)")
        }
        var elements: [T] = []
        for _ in 0..<count { elements.append(try element(&self)) }
        return elements
    }

    private mutating func readListHead() throws(ParquetError) -> (Int, ThriftType) {
        let head = try cursor.readByte()
        let count = head >> 4 == 15 ? try cursor.readCount() : Int(head >> 4)
        // An element takes at least one byte.
        guard let type = ThriftType(rawValue: head & 15), count <= cursor.remaining else {
            throw cursor.damaged("metadata has an impossible list")
        }
        return (count, type)
    }

    private func expect(_ field: Field, _ type: ThriftType) throws(ParquetError) {
        guard field.type == type else {
            throw cursor.damaged("metadata field \(field.id) has the type \(field.type)")
        }
    }

    mutating func readInt32(_ field: Field) throws(ParquetError) -> Int32 {
        try expect(field, .int32)
        return try readInt32()
    }

    /// An `i32` or an enum inside a list.
    mutating func readInt32() throws(ParquetError) -> Int32 {
        guard let value = Int32(exactly: try cursor.readZigzag()) else {
            throw cursor.damaged("a 32-bit number is out of range")
        }
        return value
    }

    /// An `i64` inside a list.
    mutating func readInt64() throws(ParquetError) -> Int64 { try cursor.readZigzag() }

    mutating func readInt64(_ field: Field) throws(ParquetError) -> Int64 {
        try expect(field, .int64)
        return try cursor.readZigzag()
    }

    mutating func readByte(_ field: Field) throws(ParquetError) -> Int8 {
        try expect(field, .byte)
        return Int8(bitPattern: try cursor.readByte())
    }

    mutating func readBoolean(_ field: Field) throws(ParquetError) -> Bool {
        switch field.type {
        case .booleanTrue: return true
        case .booleanFalse: return false
        default: throw cursor.damaged("metadata field \(field.id) is not a boolean")
        }
    }

    /// A boolean inside a list.
    mutating func readBoolean() throws(ParquetError) -> Bool { try cursor.readByte() == 1 }

    mutating func readBinary(_ field: Field) throws(ParquetError) -> [UInt8] {
        try expect(field, .binary)
        return try readBinary()
    }

    mutating func readBinary() throws(ParquetError) -> [UInt8] {
        let bytes = try cursor.read(count: try cursor.readCount())
        return unsafe Array(bytes.unsafeBytes)
    }

    mutating func readString(_ field: Field) throws(ParquetError) -> String {
        try expect(field, .binary)
        return try readString()
    }

    mutating func readString() throws(ParquetError) -> String {
        guard let text = String(validating: try readBinary(), as: UTF8.self) else {
            throw cursor.damaged("metadata has a text that is not UTF-8")
        }
        return text
    }

    private mutating func skip(_ type: ThriftType) throws(ParquetError) {
        switch type {
        case .stop, .booleanTrue, .booleanFalse: break
        case .byte: _ = try cursor.readByte()
        case .int16, .int32, .int64: _ = try cursor.readVarint()
        case .double: _ = try cursor.read(count: 8)
        case .binary: _ = try cursor.read(count: try cursor.readCount())
        case .list, .set:
            let (count, element) = try readListHead()
            for _ in 0..<count { try skipElement(element) }
        case .map: try skipMap()
        case .structure: try readStructure { _, _ in false }
        }
    }

    private mutating func skipElement(_ type: ThriftType) throws(ParquetError) {
        depth += 1
        guard depth <= Self.depthMax else { throw cursor.damaged("metadata nests too deep") }
        switch type {
        case .booleanTrue, .booleanFalse: _ = try cursor.readByte()
        default: try skip(type)
        }
        depth -= 1
    }

    private mutating func skipMap() throws(ParquetError) {
        let count = try cursor.readCount()
        if count == 0 { return }
        let head = try cursor.readByte()
        guard let key = ThriftType(rawValue: head >> 4),
            let value = ThriftType(rawValue: head & 15),
            count <= cursor.remaining
        else { throw cursor.damaged("metadata has an impossible map") }
        for _ in 0..<count {
            try skipElement(key)
            try skipElement(value)
        }
    }
}
