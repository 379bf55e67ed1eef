import Columnar
import Storage

// A group is what one record batch needs to be read alone: its dictionary messages, then the
// record batch message. The latter's custom metadata holds, as text:
//
//     base_offset     offset of the first row
//     rows            number of rows
//     time_min        smallest and largest event time (µs); both are missing where every
//     time_max        event time is null
//     synced_through  every row before this offset was durable when the group was written
//     previous        checksum of the group before, across segments (16 digits)
//     last            what the group after this one has as `previous`, where it is not the checksum:
//                     the last group of rows that were in a journal before has the journal's last
//     continues       "1" when the same append goes on in the next group
//     producer        who appended, and how far it has come; in the last group of an append
//     position
//     checksum        XXH3 of every byte of the group, these 16 digits taken as zeros

/// A feed's place in its input, stored together with the rows it appended.
public struct ProducerPosition: Sendable, Hashable {
    /// Who appends: the name of a feed.
    public var id: String
    /// How far it has come, in its own words.
    public var position: String

    /// The longest id, in bytes.
    public static let idBytesMax = 255
    /// The longest position, in bytes.
    public static let positionBytesMax = 1 << 16

    /// A position.
    public init(id: String, position: String) {
        self.id = id
        self.position = position
    }
}

/// What a group says about itself.
struct GroupHeader: Sendable, Equatable {
    var baseOffset: Int64
    var rowCount: Int
    /// The event times that occur, or `nil` where all are null.
    var times: ClosedRange<Int64>?
    var syncedThrough: Int64
    var previous: UInt64
    var continues: Bool
    var producer: ProducerPosition?
    /// What the group after this one has as `previous`, where it is not the checksum.
    var last: UInt64?
    var checksum: UInt64 = 0

    /// What the group after this one has as `previous`.
    var chain: UInt64 { last ?? checksum }
    var endOffset: Int64 { baseOffset + Int64(rowCount) }
}

/// Where a group is and what it holds: an entry of a segment's index.
struct GroupEntry: Sendable {
    let baseOffset: Int64
    let rowCount: Int
    let timeMin: Int64
    let timeMax: Int64
    let position: Int
    let byteCount: Int
    let checksum: UInt64
    /// What the next group follows; only in the index of a segment that grows.
    let chain: UInt64

    /// The event times that occur, or `nil` where all are null.
    var times: ClosedRange<Int64>? { timeMin <= timeMax ? timeMin...timeMax : nil }
    var endOffset: Int64 { baseOffset + Int64(rowCount) }

    init(_ header: GroupHeader, position: Int, byteCount: Int) {
        baseOffset = header.baseOffset
        rowCount = header.rowCount
        timeMin = header.times?.lowerBound ?? .max
        timeMax = header.times?.upperBound ?? .min
        self.position = position
        self.byteCount = byteCount
        checksum = header.checksum
        chain = header.chain
    }

    init(
        baseOffset: Int64, rowCount: Int, timeMin: Int64, timeMax: Int64, position: Int,
        byteCount: Int, checksum: UInt64
    ) {
        self.baseOffset = baseOffset
        self.rowCount = rowCount
        self.timeMin = timeMin
        self.timeMax = timeMax
        self.position = position
        self.byteCount = byteCount
        self.checksum = checksum
        chain = checksum
    }
}

/// A fault inside of one segment, before it is known whether it is damage or a torn tail.
struct SegmentFault: Error {
    let message: String
    let position: Int

    init(_ message: String, at position: Int) {
        self.message = message
        self.position = position
    }
}

/// One group in a segment's bytes.
struct LogRecordBatch: Sendable {
    let header: GroupHeader
    let range: Range<Int>
    private let dictionaries: [ArrowMessage]
    private let rows: ArrowMessage
    private let checksumRange: Range<Int>
    private let source: Buffer

    /// The group that starts at a position, its checksum not yet looked at; `nil` at the end of
    /// the bytes or at an end marker.
    init?(_ source: Buffer, at position: Int) throws(SegmentFault) {
        var dictionaries: [ArrowMessage] = []
        var next = position
        do throws(ArrowError) {
            while let message = try ArrowMessage.decode(source, at: next) {
                next = message.range.upperBound
                switch message.kind {
                case .schema:
                    throw ArrowError(.malformed, "a second schema")
                case .dictionaryBatch:
                    dictionaries.append(message)
                case .recordBatch:
                    let metadata = try message.metadata()
                    guard let parsed = GroupHeader.parse(metadata) else {
                        throw ArrowError(.malformed, "rows without the metadata of a tick log")
                    }
                    (header, checksumRange) = parsed
                    rows = message
                    self.dictionaries = dictionaries
                    self.source = source
                    range = position..<next
                    return
                }
            }
        } catch {
            throw SegmentFault(error.message, at: error.position ?? next)
        }
        guard dictionaries.isEmpty else {
            throw SegmentFault("the bytes end between a dictionary and its rows", at: next)
        }
        return nil
    }

    /// Checks every byte of the group against its checksum.
    func verify(seed: UInt64) throws(SegmentFault) {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: source.unsafeBytes[range])
        let place = checksumRange.lowerBound - range.lowerBound
        let found = unsafe EmbeddedChecksum.checksum(
            of: bytes, place: place..<place + 16, seed: seed)
        guard found == header.checksum else {
            throw SegmentFault(
                "the rows from offset \(header.baseOffset) have the checksum "
                    + "\(Checksum.hex(found)) where \(Checksum.hex(header.checksum)) is expected",
                at: range.lowerBound)
        }
    }

    /// The rows.
    func decode(
        _ decoder: ArrowBatchDecoder, columns: [Int]?
    ) throws(SegmentFault) -> RecordBatch {
        do throws(ArrowError) {
            var known = ArrowDictionaries()
            for message in dictionaries {
                try decoder.decode(dictionary: message, into: &known, columns: columns)
            }
            let batch = try decoder.decode(batch: rows, dictionaries: known, columns: columns)
            guard batch.count == header.rowCount else {
                throw ArrowError(
                    .malformed, "\(batch.count) rows where \(header.rowCount) are announced")
            }
            return batch
        } catch {
            throw SegmentFault(error.description, at: range.lowerBound)
        }
    }

    /// The bytes of a group, with its checksum written into them and into the header.
    static func encode(
        _ batch: RecordBatch, _ header: inout GroupHeader, _ writer: ArrowStreamWriter,
        seed: UInt64
    ) -> [UInt8] {
        var encoded = writer.encode(batch, metadata: header.metadata)
        guard let place = encoded.metadataValueRanges.last else {
            preconditionFailure("a group has metadata, the checksum last")
        }
        header.checksum = EmbeddedChecksum.write(into: &encoded.bytes, at: place, seed: seed)
        return encoded.bytes
    }
}

extension GroupHeader {
    /// The metadata entries, the checksum's placeholder last.
    fileprivate var metadata: [ArrowMetadataEntry] {
        var entries = [
            ArrowMetadataEntry("base_offset", String(baseOffset)),
            ArrowMetadataEntry("rows", String(rowCount)),
        ]
        if let times {
            entries.append(ArrowMetadataEntry("time_min", String(times.lowerBound)))
            entries.append(ArrowMetadataEntry("time_max", String(times.upperBound)))
        }
        entries.append(ArrowMetadataEntry("synced_through", String(syncedThrough)))
        entries.append(ArrowMetadataEntry("previous", Checksum.hex(previous)))
        if let last { entries.append(ArrowMetadataEntry("last", Checksum.hex(last))) }
        if continues { entries.append(ArrowMetadataEntry("continues", "1")) }
        if let producer {
            entries.append(ArrowMetadataEntry("producer", producer.id))
            entries.append(ArrowMetadataEntry("position", producer.position))
        }
        entries.append(ArrowMetadataEntry("checksum", EmbeddedChecksum.placeholder))
        return entries
    }

    /// The header in a message's metadata and the place of its checksum, or `nil`.
    fileprivate static func parse(
        _ metadata: [ArrowLocatedMetadata]
    ) -> (GroupHeader, checksumRange: Range<Int>)? {
        var values: [String: String] = [:]
        var checksumRange = 0..<0
        for item in metadata {
            values[item.entry.key] = item.entry.value
            if item.entry.key == "checksum" { checksumRange = item.valueRange }
        }
        guard let base = values["base_offset"].flatMap({ Int64($0) }), base >= 0,
            let rows = values["rows"].flatMap({ Int($0) }), rows > 0, rows <= Int(Int32.max),
            base <= Int64.max - Int64(rows),
            let synced = values["synced_through"].flatMap({ Int64($0) }),
            let previous = values["previous"].flatMap({ Checksum.parseHex($0) }),
            let checksum = values["checksum"].flatMap({ Checksum.parseHex($0) }),
            checksumRange.count == 16
        else { return nil }
        let last = values["last"].flatMap { Checksum.parseHex($0) }
        guard last != nil || values["last"] == nil else { return nil }
        var times: ClosedRange<Int64>?
        if let least = values["time_min"], let most = values["time_max"] {
            guard let lower = Int64(least), let upper = Int64(most), lower <= upper else {
                return nil
            }
            times = lower...upper
        }
        var producer: ProducerPosition?
        if let id = values["producer"], let position = values["position"] {
            producer = ProducerPosition(id: id, position: position)
        }
        let header = GroupHeader(
            baseOffset: base, rowCount: rows, times: times, syncedThrough: synced,
            previous: previous, continues: values["continues"] == "1", producer: producer,
            last: last, checksum: checksum)
        return (header, checksumRange)
    }
}

extension RecordBatch {
    /// The smallest and largest value of a timestamp column, or `nil` where all are null.
    func times(inColumn index: Int) -> ClosedRange<Int64>? {
        let column = columns[index]
        let values = column.int64s
        var least = Int64.max
        var most = Int64.min
        if column.validity == nil {
            for row in values.indices {
                least = min(least, values[row])
                most = max(most, values[row])
            }
        } else {
            for row in values.indices where !column.isNull(row) {
                least = min(least, values[row])
                most = max(most, values[row])
            }
        }
        return least <= most ? least...most : nil
    }
}
