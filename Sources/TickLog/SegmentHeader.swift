import Columnar
import Storage

// A segment is an Arrow IPC stream of its own: `<base offset, 20 digits>.arrows`.
//
//     schema message   custom metadata of the schema: version, log (uuid), base_offset, time_column,
//                      previous (checksum of the last group of the segment before), last (only in
//                      a rewritten segment: what the segment after it has as `previous`),
//                      producer:<id> = position at the start of the segment, checksum (XXH3 of
//                      the message, these 16 digits taken as zeros)
//     groups           see LogRecordBatch.swift
//     seal             see SegmentSeal.swift; only in a segment that takes no more rows

/// The head of a segment.
struct SegmentHeader: Sendable {
    static let suffix = ".arrows"
    private static let version = "1"
    private static let producerPrefix = "producer:"

    let baseOffset: Int64
    let previous: UInt64
    /// The chain's value for the segment after this one, where it is not the last group's.
    let last: UInt64?
    let producers: [String: String]

    static func fileName(_ baseOffset: Int64) -> String {
        let digits = String(baseOffset)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + suffix
    }

    /// The base offset in a segment's file name, or `nil` when it is no segment.
    static func baseOffset(ofFile name: String) -> Int64? {
        guard name.hasSuffix(suffix), let base = Int64(name.dropLast(suffix.utf8.count)),
            base >= 0, fileName(base) == name
        else { return nil }
        return base
    }

    func encode(_ log: LogDescription, _ writer: ArrowStreamWriter) -> [UInt8] {
        var metadata = [
            ArrowMetadataEntry("version", Self.version),
            ArrowMetadataEntry("log", log.uuid),
            ArrowMetadataEntry("base_offset", String(baseOffset)),
            ArrowMetadataEntry("time_column", log.timeColumn),
            ArrowMetadataEntry("previous", Checksum.hex(previous)),
        ]
        if let last { metadata.append(ArrowMetadataEntry("last", Checksum.hex(last))) }
        for (id, position) in producers.sorted(by: { $0.key < $1.key }) {
            metadata.append(ArrowMetadataEntry(Self.producerPrefix + id, position))
        }
        metadata.append(ArrowMetadataEntry("checksum", EmbeddedChecksum.placeholder))
        var encoded = writer.encodeSchema(metadata: metadata)
        guard let place = encoded.metadataValueRanges.last else {
            preconditionFailure("a segment's header has metadata, the checksum last")
        }
        EmbeddedChecksum.write(into: &encoded.bytes, at: place, seed: log.seed)
        return encoded.bytes
    }

    /// Reads and checks the head of a segment; gives a decoder for its groups and its length.
    static func decode(
        _ source: Buffer, _ log: LogDescription
    ) throws(SegmentFault) -> (SegmentHeader, ArrowBatchDecoder, byteCount: Int) {
        do throws(ArrowError) {
            guard let message = try ArrowMessage.decode(source, at: 0), message.kind == .schema
            else { throw ArrowError(.malformed, "the segment does not start with a schema") }
            let metadata = try message.schemaMetadata()
            var values: [String: String] = [:]
            for item in metadata { values[item.entry.key] = item.entry.value }
            let range = message.range
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: source.unsafeBytes[range])
            guard let stamp = metadata.last, stamp.entry.key == "checksum",
                stamp.valueRange.count == 16,
                unsafe EmbeddedChecksum.checksum(of: bytes, place: stamp.valueRange, seed: log.seed)
                    == Checksum.parseHex(stamp.entry.value)
            else {
                throw ArrowError(.malformed, "the segment's head does not match its checksum")
            }
            let decoder = try ArrowBatchDecoder(
                schema: message, limits: ArrowReadLimits(bytesPerInputByte: 64))
            guard decoder.schema == log.schema, let base = values["base_offset"],
                let baseOffset = Int64(base),
                let previous = values["previous"].flatMap({ Checksum.parseHex($0) })
            else { throw ArrowError(.malformed, "the segment's head is not of this log") }
            var producers: [String: String] = [:]
            for item in metadata where item.entry.key.hasPrefix(producerPrefix) {
                let id = String(item.entry.key.dropFirst(producerPrefix.count))
                producers[id] = item.entry.value
            }
            let header = SegmentHeader(
                baseOffset: baseOffset, previous: previous,
                last: values["last"].flatMap { Checksum.parseHex($0) }, producers: producers)
            return (header, decoder, range.upperBound)
        } catch {
            throw SegmentFault(error.message, at: error.position ?? 0)
        }
    }
}
