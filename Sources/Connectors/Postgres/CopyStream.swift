import Columnar
import Storage

/// Rows as `COPY … (FORMAT binary)` takes them, in pieces.
///
///     "PGCOPY\n" 0xFF "\r\n" 0   int32 flags 0   int32 extension 0
///     a row:   int16 fields, then of each field: int32 bytes, or -1 for NULL; the bytes
///     int16 -1
///
/// All integers have the high byte first. Source: PostgreSQL's documentation of COPY, "Binary
/// Format", and the `…recv` functions of its types.
@safe
struct CopyStream: ~Copyable {
    private let lanes: CopyLanes
    private let rowsAPiece: Int
    private let bytesAPiece: Int
    private var output: CopyBuffer
    private var groups: [UInt16] = []
    private var checksum = ChecksumStream()
    /// The bytes so far.
    private(set) var bytes = 0

    static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)

    /// A stream of rows.
    ///
    /// - Parameters:
    ///   - columns: the columns, of one length.
    ///   - forms: how each becomes a field.
    ///   - rowsAPiece: how many rows a piece has at most.
    ///   - bytesAPiece: about how many bytes it has at most.
    init(
        _ columns: [Column], _ forms: [FieldForm], rowsAPiece: Int, bytesAPiece: Int = 256 << 10
    ) {
        lanes = CopyLanes(columns, forms)
        self.rowsAPiece = rowsAPiece
        self.bytesAPiece = bytesAPiece
        output = CopyBuffer(capacity: bytesAPiece + (64 << 10))
        groups.reserveCapacity(16)
    }

    /// XXH3 of the bytes so far.
    var xxh3: UInt64 { checksum.value }

    /// Gives the rows `0 ..< count` piece by piece.
    ///
    /// - Parameters:
    ///   - count: how many rows there are.
    ///   - number: the value of one more field in front, a bigint, for each row.
    ///   - take: given the pieces, in order.
    /// - Throws: what `take` throws.
    mutating func encode(
        count: Int, number: ((Int) -> Int64)? = nil,
        _ take: (UnsafeRawBufferPointer) throws(PostgresFault) -> Void
    ) throws(PostgresFault) {
        for byte in Self.header { output.put8(byte) }
        let lanes = lanes.lanes
        var rows = 0
        for row in 0..<count {
            output.put16(UInt16(lanes.count + (number == nil ? 0 : 1)))
            if let number {
                output.put32(8)
                output.put64(UInt64(bitPattern: number(row)))
            }
            for index in lanes.indices { put(lanes[index], row) }
            rows += 1
            if rows >= rowsAPiece || output.count >= bytesAPiece {
                unsafe try flush(take)
                rows = 0
            }
        }
        output.put16(0xFFFF)
        unsafe try flush(take)
    }

    private mutating func flush(
        _ take: (UnsafeRawBufferPointer) throws(PostgresFault) -> Void
    ) throws(PostgresFault) {
        let piece = unsafe output.written
        unsafe checksum.update(piece)
        bytes += piece.count
        unsafe try take(piece)
        output.clear()
    }

    @inline(__always)
    private mutating func put(_ lane: CopyLane, _ row: Int) {
        if lane.isNull(row) { return output.put32(.max) }
        switch lane.form {
        case .boolean:
            output.put32(1)
            output.put8(lane.boolean(row) ? 1 : 0)
        case .int4:
            output.put32(4)
            output.put32(UInt32(bitPattern: lane.int32(row)))
        case .int8:
            output.put32(8)
            output.put64(UInt64(bitPattern: lane.integer(row)))
        case .float8:
            output.put32(8)
            output.put64(lane.double(row).bitPattern)
        case .numeric: putNumeric(lane, row)
        case .text, .bytes:
            let text = unsafe lane.bytes(row)
            output.put32(UInt32(text.count))
            unsafe output.put(text)
        case .date:
            // Rows out of range are not sent.
            output.put32(4)
            output.put32(UInt32(bitPattern: PostgresTime.days(lane.int32(row)) ?? 0))
        case .timestamp:
            output.put32(8)
            output.put64(UInt64(bitPattern: PostgresTime.micros(lane.int64(row)) ?? 0))
        }
    }

    private mutating func putNumeric(_ lane: CopyLane, _ row: Int) {
        let (positive, negative): (UInt16, UInt16) = (0, 0x4000)
        guard let decimal = lane.decimal(row) else {
            // NaN, and what is infinite: no digits.
            let value = lane.double(row)
            output.put32(8)
            output.put32(0)
            output.put16(value.isNaN ? 0xC000 : value > 0 ? 0xD000 : 0xF000)
            return output.put16(0)
        }
        let (count, weight) = decimal.write(into: &groups)
        output.put32(UInt32(8 + 2 * count))
        output.put16(UInt16(count))
        output.put16(UInt16(bitPattern: Int16(weight)))
        output.put16(decimal.isNegative ? negative : positive)
        output.put16(UInt16(decimal.scale))
        for place in 0..<count { output.put16(groups[place]) }
    }
}
