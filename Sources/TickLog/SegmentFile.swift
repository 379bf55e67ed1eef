import Columnar
import Storage

/// A segment's bytes, mapped, with the index of its groups; immutable.
final class SegmentFile: Sendable {
    let path: Path
    let log: LogDescription
    let header: SegmentHeader
    let decoder: ArrowBatchDecoder
    /// Where the groups begin.
    let headerBytes: Int
    private let mapped: MappedFile
    /// The mapped bytes.
    var source: Buffer { mapped.source }

    /// Maps the first `byteCount` bytes of a segment (all by default) and checks its head.
    init(
        _ path: Path, baseOffset: Int64, byteCount: Int? = nil, _ log: LogDescription,
        _ files: any FileSystem
    ) throws(TickLogError) {
        self.path = path
        self.log = log
        mapped = try MappedFile(path, "segment", byteCount: byteCount, files)
        do throws(SegmentFault) {
            (header, decoder, headerBytes) = try SegmentHeader.decode(mapped.source, log)
            guard header.baseOffset == baseOffset else {
                throw SegmentFault(
                    "the segment begins at offset \(header.baseOffset), not \(baseOffset)", at: 0)
            }
        } catch {
            throw TickLogError.damaged(error.message, file: path, position: error.position)
        }
    }

    var isSealed: Bool { SegmentSeal.isSealed(source) }

    func seal() throws(TickLogError) -> SegmentSeal {
        do throws(SegmentFault) {
            let seal = try SegmentSeal.decode(source, seed: log.seed)
            guard seal.baseOffset == header.baseOffset else {
                throw SegmentFault("the seal is another segment's", at: seal.dataBytes)
            }
            return seal
        } catch {
            throw TickLogError.damaged(error.message, file: path, position: error.position)
        }
    }

    /// The group of an index entry, verified unless that was done before.
    func group(_ entry: GroupEntry, isVerified: Bool) throws(TickLogError) -> LogRecordBatch {
        do throws(SegmentFault) {
            guard entry.position + entry.byteCount <= source.count,
                let group = try LogRecordBatch(source, at: entry.position),
                group.range.count == entry.byteCount, group.header.checksum == entry.checksum,
                group.header.baseOffset == entry.baseOffset
            else {
                throw SegmentFault(
                    "the rows from offset \(entry.baseOffset) are not those of the index",
                    at: entry.position)
            }
            if !isVerified { try group.verify(seed: log.seed) }
            return group
        } catch {
            throw TickLogError.damaged(error.message, file: path, position: error.position)
        }
    }

    /// Says that some bytes are not likely to be read again.
    ///
    /// A read brings in some of what stands before it, too, so more than was asked for is let go.
    func release(_ range: Range<Int>) {
        mapped.release(max(0, range.lowerBound - (1 << 22))..<range.upperBound)
    }

    func decode(_ group: LogRecordBatch, columns: [Int]?) throws(TickLogError) -> RecordBatch {
        do throws(SegmentFault) {
            return try group.decode(decoder, columns: columns)
        } catch {
            throw TickLogError.damaged(error.message, file: path, position: error.position)
        }
    }
}

/// Goes through the groups of a segment in order and checks how they follow one another.
struct SegmentWalk {
    private let file: SegmentFile
    private let end: Int
    /// Where the next group begins.
    private(set) var position: Int
    /// The memory of the bytes before was given back.
    private var released: Int
    /// The offset the next group must have.
    private(set) var offset: Int64
    /// The checksum of the last group.
    private(set) var chain: UInt64

    /// A walk from the segment's first group up to `end` (bytes).
    init(_ file: SegmentFile, end: Int) {
        self.file = file
        self.end = end
        position = file.headerBytes
        released = position
        offset = file.header.baseOffset
        chain = file.header.previous
    }

    /// A walk that goes on behind a group.
    init(_ file: SegmentFile, end: Int, after entry: GroupEntry) {
        self.file = file
        self.end = end
        position = entry.position + entry.byteCount
        released = position
        offset = entry.endOffset
        chain = entry.chain
    }

    /// The next group, or `nil` at the end of the bytes or at the end marker.
    mutating func next(verifying: Bool) throws(SegmentFault) -> LogRecordBatch? {
        let source = end == file.source.count ? file.source : file.source.slice(0..<end)
        guard let group = try LogRecordBatch(source, at: position) else { return nil }
        let header = group.header
        guard header.baseOffset == offset else {
            throw SegmentFault(
                "rows from offset \(header.baseOffset) where \(offset) is expected", at: position)
        }
        guard header.previous == chain else {
            throw SegmentFault(
                "the rows from offset \(offset) follow rows with the checksum "
                    + "\(Checksum.hex(header.previous)), before them are rows with "
                    + Checksum.hex(chain), at: position)
        }
        if verifying { try group.verify(seed: file.log.seed) }
        position = group.range.upperBound
        // Not likely to be read again soon; of a head alone much of what is around it came along.
        if position - released >= 1 << 22 {
            file.release(released..<position)
            released = position
        }
        offset = header.endOffset
        chain = header.chain
        return group
    }
}
