import Columnar
import Storage

// What follows the groups of a sealed segment. A stream reader stops at the end marker and never
// sees it; it lies in the segment's own file so that one rename replaces rows and index together.
//
//     end marker of the stream, zeros up to a multiple of 64 bytes
//     the index: an Arrow IPC stream with one row a group; custom metadata of its schema: the seal
//     the segment's totals (SegmentSummary.swift)
//     trailer: "TICKSEAL", i64 position of the end marker, u64 XXH3 of everything from the end
//              marker up to here (seeded by the log), all little endian
//
// Seal: base_offset, end_offset, groups, bytes (before the end marker), checksum (XXH3 of these),
// last (the chain's value for the next segment), sealed_at (µs), compressed ("1" when all groups
// are), producer:<id> = position.

/// A segment's index and the totals that close it.
struct SegmentSeal: Sendable {
    static let trailerBytes = 24
    private static let magic = Array("TICKSEAL".utf8)
    private static let producerPrefix = "producer:"
    /// The most memory the index of one segment may take when it is read.
    private static let limits = ArrowReadLimits(bytesPerInputByte: 64)
    private static let schema = Schema([
        Field("base_offset", .long, isNullable: false),
        Field("rows", .long, isNullable: false),
        Field("time_min", .timestamp),
        Field("time_max", .timestamp),
        Field("position", .long, isNullable: false),
        Field("bytes", .long, isNullable: false),
        Field("checksum", .long, isNullable: false),
    ])

    let baseOffset: Int64
    let endOffset: Int64
    let groups: [GroupEntry]
    /// Where the groups end.
    let dataBytes: Int
    let dataChecksum: UInt64
    let last: UInt64
    let sealedAtMicros: Int64
    let producers: [String: String]
    /// Whether all groups are compressed.
    let isCompressed: Bool

    /// Everything that follows the groups.
    func encode(seed: UInt64) -> [UInt8] {
        precondition(dataBytes % 64 == 0, "groups end on a multiple of 64 bytes")
        var bytes = ArrowStreamWriter.endOfStream
        bytes.append(contentsOf: repeatElement(0, count: 64 - bytes.count))
        var metadata = [
            ArrowMetadataEntry("base_offset", String(baseOffset)),
            ArrowMetadataEntry("end_offset", String(endOffset)),
            ArrowMetadataEntry("groups", String(groups.count)),
            ArrowMetadataEntry("bytes", String(dataBytes)),
            ArrowMetadataEntry("checksum", Checksum.hex(dataChecksum)),
            ArrowMetadataEntry("last", Checksum.hex(last)),
            ArrowMetadataEntry("sealed_at", String(sealedAtMicros)),
        ]
        if isCompressed { metadata.append(ArrowMetadataEntry("compressed", "1")) }
        for (id, position) in producers.sorted(by: { $0.key < $1.key }) {
            metadata.append(ArrowMetadataEntry(Self.producerPrefix + id, position))
        }
        let writer = ArrowStreamWriter(Self.schema)
        bytes += writer.encodeSchema(metadata: metadata).bytes
        bytes += writer.encode(indexRows).bytes
        bytes += SegmentSummary(self).bytes(seed: seed)
        bytes += Self.magic
        bytes.append(little: UInt64(dataBytes))
        bytes.append(little: Checksum.xxh3(bytes, seed: seed))
        return bytes
    }

    private var indexRows: RecordBatch {
        func longs(_ value: (GroupEntry) -> Int64) -> Buffer {
            Buffer(of: Int64.self, count: groups.count) { output in
                for group in groups { output.append(value(group)) }
            }
        }
        func column(_ type: DataType, _ value: (GroupEntry) -> Int64) -> Column {
            Column(type, values: longs(value), count: groups.count)
        }
        let known = Bitmap(groups.map { $0.times != nil })
        let validity = known.setBitCount == groups.count ? nil : known
        return RecordBatch(
            Self.schema,
            [
                column(.long) { $0.baseOffset },
                column(.long) { Int64($0.rowCount) },
                column(.timestamp) { $0.timeMin }.withValidity(validity),
                column(.timestamp) { $0.timeMax }.withValidity(validity),
                column(.long) { Int64($0.position) },
                column(.long) { Int64($0.byteCount) },
                column(.long) { Int64(bitPattern: $0.checksum) },
            ], count: groups.count)
    }

    /// Whether the bytes end like a sealed segment; `decode` checks the rest.
    static func isSealed(_ source: Buffer) -> Bool {
        guard source.count >= trailerBytes else { return false }
        let start = source.count - trailerBytes
        return unsafe source.unsafeBytes[start..<start + 8].elementsEqual(magic)
    }

    /// The seal of a segment.
    static func decode(_ source: Buffer, seed: UInt64) throws(SegmentFault) -> SegmentSeal {
        let trailer = source.count - trailerBytes
        guard isSealed(source) else {
            throw SegmentFault("the segment has no seal", at: max(0, trailer))
        }
        let bytes = unsafe Array(source.unsafeBytes[trailer...])
        guard let start = Int(exactly: Int64(bitPattern: bytes.little(at: 8))), start >= 0,
            start % 64 == 0, start <= trailer - 64
        else { throw SegmentFault("the segment's seal has no valid place", at: trailer) }
        let covered = unsafe UnsafeRawBufferPointer(
            rebasing: source.unsafeBytes[start..<source.count - 8])
        let found = unsafe Checksum.xxh3(covered, seed: seed)
        let expected = bytes.little(at: 16)
        guard found == expected else {
            throw SegmentFault(
                "the segment's index has the checksum \(Checksum.hex(found)) where "
                    + "\(Checksum.hex(expected)) is expected", at: start)
        }
        do throws(ArrowError) {
            var reader = try ArrowStreamReader(
                source.slice(start + 64..<trailer), limits: Self.limits)
            guard reader.schema == schema, let rows = try reader.next(),
                let seal = SegmentSeal(reader.metadata, rows), seal.dataBytes == start
            else { throw ArrowError(.malformed, "the segment's index contradicts itself") }
            return seal
        } catch {
            throw SegmentFault(error.message, at: start)
        }
    }

    private init?(_ metadata: [ArrowMetadataEntry], _ rows: RecordBatch) {
        var values: [String: String] = [:]
        var producers: [String: String] = [:]
        for entry in metadata {
            if entry.key.hasPrefix(Self.producerPrefix) {
                producers[String(entry.key.dropFirst(Self.producerPrefix.count))] = entry.value
            } else {
                values[entry.key] = entry.value
            }
        }
        guard let base = values["base_offset"].flatMap({ Int64($0) }),
            let end = values["end_offset"].flatMap({ Int64($0) }),
            let bytes = values["bytes"].flatMap({ Int($0) }),
            let checksum = values["checksum"].flatMap({ Checksum.parseHex($0) }),
            let last = values["last"].flatMap({ Checksum.parseHex($0) }),
            let sealedAt = values["sealed_at"].flatMap({ Int64($0) }),
            let groups = Self.entries(rows, from: base, to: end, dataBytes: bytes)
        else { return nil }
        self.init(
            baseOffset: base, endOffset: end, groups: groups, dataBytes: bytes,
            dataChecksum: checksum, last: last, sealedAtMicros: sealedAt, producers: producers,
            isCompressed: values["compressed"] == "1")
    }

    init(
        baseOffset: Int64, endOffset: Int64, groups: [GroupEntry], dataBytes: Int,
        dataChecksum: UInt64, last: UInt64, sealedAtMicros: Int64, producers: [String: String],
        isCompressed: Bool
    ) {
        self.baseOffset = baseOffset
        self.endOffset = endOffset
        self.groups = groups
        self.dataBytes = dataBytes
        self.dataChecksum = dataChecksum
        self.last = last
        self.sealedAtMicros = sealedAtMicros
        self.producers = producers
        self.isCompressed = isCompressed
    }

    /// The index as entries, which must follow one another without gap; `nil` otherwise.
    private static func entries(
        _ rows: RecordBatch, from base: Int64, to end: Int64, dataBytes: Int
    ) -> [GroupEntry]? {
        let columns = (
            rows.columns[0], rows.columns[1], rows.columns[2], rows.columns[3], rows.columns[4],
            rows.columns[5], rows.columns[6]
        )
        let bases = columns.0.int64s
        let counts = columns.1.int64s
        let timesMin = columns.2.int64s
        let timesMax = columns.3.int64s
        let positions = columns.4.int64s
        let sizes = columns.5.int64s
        let checksums = columns.6.int64s
        var entries: [GroupEntry] = []
        entries.reserveCapacity(rows.count)
        guard base >= 0, base <= end else { return nil }
        var offset = base
        for row in 0..<rows.count {
            let isTimed = !columns.2.isNull(row)
            guard bases[row] == offset, counts[row] > 0, counts[row] <= end - offset,
                counts[row] <= Int64(Int32.max),
                positions[row] > 0, sizes[row] > 0, positions[row] <= Int64(dataBytes),
                sizes[row] <= Int64(dataBytes) - positions[row]
            else { return nil }
            entries.append(
                GroupEntry(
                    baseOffset: offset, rowCount: Int(counts[row]),
                    timeMin: isTimed ? timesMin[row] : .max,
                    timeMax: isTimed ? timesMax[row] : .min, position: Int(positions[row]),
                    byteCount: Int(sizes[row]), checksum: UInt64(bitPattern: checksums[row])))
            offset += counts[row]
        }
        return offset == end ? entries : nil
    }
}
