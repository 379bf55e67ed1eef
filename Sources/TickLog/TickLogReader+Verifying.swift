import Columnar
import Storage
import Synchronization

/// What a full check of a log found.
public struct TickLogReport: Sendable {
    /// How many segments were read.
    public var segments = 0
    /// How many groups were read.
    public var groups = 0
    /// How many rows they hold.
    public var rows: Int64 = 0
    /// How many bytes were read.
    public var bytes: Int64 = 0
    /// What is wrong, at most one fault a segment; empty when the log is as it was written.
    public var faults: [TickLogError] = []
}

extension TickLogReader {
    /// Reads every durable byte of the log and checks it: checksums, offsets, the links from group
    /// to group and from segment to segment, the indexes, and that every row can be decoded.
    public func verify() throws(TickLogError) -> TickLogReport {
        while true {
            try refresh()
            let generation = state.withLock { $0.generation }
            let report = try verifyOnce()
            // What changed meanwhile may look like damage; then only a second look tells.
            if report.faults.isEmpty { return report }
            try refresh()
            if state.withLock({ $0.generation }) == generation { return report }
        }
    }

    private func verifyOnce() throws(TickLogError) -> TickLogReport {
        let (mark, bases, journals) = state.withLock {
            ($0.mark, $0.segments.map(\.baseOffset), $0.journals.map(\.baseOffset))
        }
        var report = TickLogReport()
        var chain: UInt64?
        for (index, base) in bases.enumerated() {
            let end = index + 1 < bases.count ? bases[index + 1] : mark.segmentEnd
            do throws(TickLogError) {
                chain = try verify(base, to: end, mark, chain, &report)
            } catch {
                guard error.code == .damaged || error.cause?.code == .notFound else { throw error }
                report.faults.append(error)
                chain = nil
            }
        }
        verifyJournals(journals, mark, after: chain, &report)
        return report
    }

    /// Checks one segment and returns what the next one has to follow.
    private func verify(
        _ base: Int64, to end: Int64, _ mark: HighWatermark, _ chain: UInt64?,
        _ report: inout TickLogReport
    ) throws(TickLogError) -> UInt64 {
        let segment = try storage { () throws(StorageError) in
            try path.appending(SegmentHeader.fileName(base))
        }
        let isActive = base == mark.segmentBase
        let file = try SegmentFile(
            segment, baseOffset: base, byteCount: isActive ? Int(mark.segmentBytes) : nil, log,
            files)
        let seal = isActive ? nil : try file.seal()
        let dataBytes = seal?.dataBytes ?? file.source.count
        report.segments += 1
        report.bytes += Int64(file.source.count)
        do throws(SegmentFault) {
            if let chain, chain != file.header.previous {
                throw SegmentFault("the segment does not follow the one before it", at: 0)
            }
            var walk = SegmentWalk(file, end: dataBytes)
            var count = 0
            while let group = try walk.next(verifying: true) {
                _ = try group.decode(file.decoder, columns: nil)
                if let seal {
                    guard count < seal.groups.count,
                        seal.groups[count].position == group.range.lowerBound,
                        seal.groups[count].byteCount == group.range.count,
                        seal.groups[count].checksum == group.header.checksum,
                        seal.groups[count].times == group.header.times
                    else { throw SegmentFault("the index differs", at: group.range.lowerBound) }
                }
                count += 1
                report.groups += 1
                report.rows += Int64(group.header.rowCount)
            }
            guard walk.position == dataBytes, walk.offset == end,
                seal.map({ $0.groups.count == count && $0.endOffset == end }) ?? true
            else {
                throw SegmentFault("offsets up to \(end) are expected here", at: walk.position)
            }
            guard let seal else { return walk.chain }
            guard Checksum.xxh3(file.source.slice(0..<dataBytes).bytes) == seal.dataChecksum,
                seal.last == file.header.last ?? walk.chain
            else { throw SegmentFault("the segment differs from its seal", at: dataBytes) }
            return seal.last
        } catch {
            throw TickLogError.damaged(error.message, file: segment, position: error.position)
        }
    }
}
