import Columnar
import Storage

// A frame is one append:
//
//      0  u32 n: how many bytes follow the checksum
//      4  u64 XXH3 of these n bytes, seeded by the log's seed + n
//     12  u64 previous: checksum of the frame, or of the group of a segment, before
//         varint base offset, less the journal's
//         varint rows, 1 to 65,536
//         varint base offset, less the offset before which all was durable when it was written
//         u8 producer: 0 there is none
//                      1 varint n, the producer's id in n bytes, varint m, its position in m bytes
//                      2 the producer of the frame before; edits of its position (PositionEdits.swift)
//         rows (JournalRows.swift)
//
// All numbers are little endian. A journal has one producer at most.

/// One append in a journal's bytes.
struct JournalFrame: Sendable {
    static let headBytes = 12
    /// A frame of one row with one column of one byte.
    static let bytesMin = headBytes + 12
    static let rowsMax = 1 << 16

    /// How a frame says what feed it is of.
    enum Producer: Sendable {
        case none
        case whole(ProducerPosition)
        /// The edits lie here.
        case edits(Range<Int>)
    }

    let range: Range<Int>
    let checksum: UInt64
    let previous: UInt64
    let baseOffset: Int64
    let rowCount: Int
    let syncedThrough: Int64
    /// What follows the numbers: the producer, then the rows.
    let rest: Range<Int>

    var endOffset: Int64 { baseOffset + Int64(rowCount) }

    /// The frame at a position, checked against its checksum; `nil` at the end of the bytes.
    init?(
        _ source: Buffer, at position: Int, end: Int, journalBase: Int64, seed: UInt64
    ) throws(SegmentFault) {
        if position == end { return nil }
        guard end - position >= Self.headBytes else {
            throw SegmentFault("the bytes end within the head of a frame", at: position)
        }
        // Safe: the head was checked to lie before the end.
        let count = unsafe Int(
            UInt32(
                littleEndian: source.unsafeBytes.loadUnaligned(
                    fromByteOffset: position, as: UInt32.self)))
        let start = position + Self.headBytes
        guard count <= end - start else {
            throw SegmentFault(
                "a frame of \(count) bytes where \(end - start) are left", at: position)
        }
        let bytes = unsafe UnsafeRawBufferPointer(
            rebasing: source.unsafeBytes[start..<start + count])
        let found = unsafe Checksum.xxh3(bytes, seed: seed &+ UInt64(count))
        checksum = unsafe UInt64(
            littleEndian: source.unsafeBytes.loadUnaligned(
                fromByteOffset: position + 4, as: UInt64.self))
        guard found == checksum else {
            throw SegmentFault(
                "a frame has the checksum \(Checksum.hex(found)) where \(Checksum.hex(checksum)) "
                    + "is expected", at: position)
        }
        range = position..<start + count
        var cursor = JournalCursor(source, start..<start + count)
        previous = try cursor.fixed(UInt64.self)
        let distance = try cursor.varint()
        rowCount = try cursor.count(atMost: Self.rowsMax)
        let unsynced = try cursor.varint()
        guard rowCount > 0, distance < UInt64(Int64.max - journalBase - Int64(Self.rowsMax)) else {
            throw SegmentFault("a frame without rows or beyond all offsets", at: position)
        }
        baseOffset = journalBase + Int64(distance)
        guard unsynced <= UInt64(baseOffset) else {
            throw SegmentFault("a frame that knows of offsets below 0", at: position)
        }
        syncedThrough = baseOffset - Int64(unsynced)
        rest = cursor.position..<start + count
    }

    /// Whether a frame of the length that stands there would lie in the source.
    static func isPlausible(_ source: Buffer, at position: Int) -> Bool {
        // Safe: the caller has checked that a head lies there.
        let count = unsafe UInt32(
            littleEndian: source.unsafeBytes.loadUnaligned(
                fromByteOffset: position, as: UInt32.self))
        return Int(count) + headBytes >= bytesMin
            && Int(count) <= source.count - position - headBytes
    }

    /// The producer, as the frame says it, and where the rows begin.
    func producer(
        _ source: Buffer, after last: ProducerPosition?
    ) throws(SegmentFault) -> (ProducerPosition?, rows: Range<Int>) {
        var cursor = JournalCursor(source, rest)
        var producer = last
        switch try cursor.byte() {
        case 0: break
        case 1:
            let id = try text(&cursor, source, atMost: ProducerPosition.idBytesMax)
            let position = try text(&cursor, source, atMost: ProducerPosition.positionBytesMax)
            producer = ProducerPosition(id: id, position: position)
        case 2:
            guard let last else {
                throw SegmentFault("a position that changes none before", at: cursor.position)
            }
            let bytes = try PositionEdits.apply(&cursor, source, to: Array(last.position.utf8))
            guard let position = String(utf8: bytes) else {
                throw SegmentFault("a position that is not UTF-8", at: cursor.position)
            }
            producer = ProducerPosition(id: last.id, position: position)
        case let kind: throw SegmentFault("a producer of the kind \(kind)", at: cursor.position)
        }
        return (producer, cursor.position..<rest.upperBound)
    }

    /// Where the rows begin; the producer is passed over.
    func rows(_ source: Buffer) throws(SegmentFault) -> Range<Int> {
        var cursor = JournalCursor(source, rest)
        switch try cursor.byte() {
        case 0: break
        case 1:
            for _ in 0..<2 { _ = try cursor.bytes(cursor.count(atMost: cursor.left)) }
        default:
            for _ in 0..<(try cursor.count(atMost: cursor.left)) {
                _ = try cursor.varint()
                _ = try cursor.bytes(cursor.count(atMost: cursor.left))
            }
        }
        return cursor.position..<rest.upperBound
    }

    private func text(
        _ cursor: inout JournalCursor, _ source: Buffer, atMost limit: Int
    ) throws(SegmentFault) -> String {
        let place = try cursor.bytes(cursor.count(atMost: limit))
        let bytes = unsafe Array(source.unsafeBytes[place])
        guard let text = String(utf8: bytes) else {
            throw SegmentFault("a producer that is not UTF-8", at: place.lowerBound)
        }
        return text
    }
}

/// A frame that is about to be written.
struct NewFrame {
    let journalBase: Int64
    let baseOffset: Int64
    let rowCount: Int
    let syncedThrough: Int64
    let previous: UInt64
    let producer: ProducerPosition?
    /// The producer as of the frame before.
    let lastProducer: ProducerPosition?

    /// The bytes of the frame and its checksum.
    func encode(rows: [UInt8], seed: UInt64) -> (bytes: [UInt8], checksum: UInt64) {
        precondition(rowCount > 0 && rowCount <= JournalFrame.rowsMax, "a frame has rows, not many")
        precondition(syncedThrough <= baseOffset, "what is durable was written before")
        var body: [UInt8] = []
        body.append(little: previous)
        body.append(varint: UInt64(baseOffset - journalBase))
        body.append(varint: UInt64(rowCount))
        body.append(varint: UInt64(baseOffset - syncedThrough))
        appendProducer(to: &body)
        body += rows
        let checksum = Checksum.xxh3(body, seed: seed &+ UInt64(body.count))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(JournalFrame.headBytes + body.count)
        for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: body.count >> (8 * byte))) }
        bytes.append(little: checksum)
        bytes += body
        return (bytes, checksum)
    }

    private func appendProducer(to body: inout [UInt8]) {
        guard let producer else { return body.append(0) }
        let position = Array(producer.position.utf8)
        if let lastProducer, lastProducer.id == producer.id,
            let edits = PositionEdits.encode(from: Array(lastProducer.position.utf8), to: position)
        {
            body.append(2)
            body += edits
            return
        }
        body.append(1)
        body.append(varint: UInt64(producer.id.utf8.count))
        body += producer.id.utf8
        body.append(varint: UInt64(position.count))
        body += position
    }
}
