import Columnar
import ConnectorAPI
import JSON
import Storage
import Synchronization

/// Topics as a feed: what each partition has, in the order of partitions and offsets within a batch.
///
/// The order of the log is then the order of the world: a replay of the log needs no broker.
final class KafkaFeed: Feed {
    let schema: Schema
    let eventTime: String
    let replay: Replay

    private let spec: KafkaFeedSpec
    private let time: any TimeSource
    private let ends: KafkaEnds
    private let decoder: KafkaDecoder
    private let shared: KafkaSplitReader.Shared
    private let asked = FeedInterrupt()
    private let isStopping = Stopping()
    private var readers: [SplitID: KafkaSplitReader] = [:]
    private var marks: [SplitID: KafkaMark] = [:]
    /// Where it goes on; empty before the first batch.
    private var position: [SplitID: Int64] = [:]
    private var counts = KafkaFeedPosition.Counts()
    /// Where it ends, if it does.
    private var last: [SplitID: Int64]?

    private final class Stopping: Sendable {
        let flag = Mutex(false)
    }

    init(_ spec: KafkaFeedSpec, _ place: FeedPlace) throws(ConnectorError) {
        self.spec = spec
        time = place.time
        let source = spec.source
        let columns = source.sourceColumns
        schema = columns.schema
        eventTime = source.values.eventTime
        decoder = try KafkaDecoder(source.values, place.files)
        let own = source.clientSettings + [("group.id", "streamer")]
        let queries = unsafe try KafkaClient(
            .consumer, source.options, own: own, secrets: place.secrets)
        ends = try KafkaEnds(source.subscription, queries, refreshMs: source.refreshMs)
        let kilobytes = source.bufferBytesMax / 1_024 / Int64(max(1, ends.splits.count))
        let client = unsafe try KafkaClient(
            .consumer, source.options,
            own: own + [
                ("queued.max.messages.kbytes", String(min(max(kilobytes, 64), 2_097_151)))
            ], secrets: place.secrets)
        let (asked, isStopping) = (asked, isStopping)
        shared = KafkaSplitReader.Shared(
            client: client, queries: queries, patienceMs: source.pollTimeoutMs,
            failOnDataLoss: source.failOnDataLoss
        ) {
            if asked.take() { isStopping.flag.withLock { $0 = true } }
            return isStopping.flag.withLock { $0 }
        }
        replay = .from(
            FeedIdentity(
                KafkaSourceSpec.word,
                [queries.clusterID(), source.subscription.text, source.values.identity]))
    }

    var interrupt: @Sendable () -> Void { { [asked] in asked.ask() } }

    func resume(from position: FeedPosition) throws(ConnectorError) {
        let known = try KafkaFeedPosition(parsing: position.text)
        let latest = try ends.ends()
        for (split, offset) in known.offsets.bySplit.sorted(by: { $0.key < $1.key }) {
            guard let end = latest[split] else { throw KafkaLoss.gone(split, wanted: offset) }
            if offset > end { throw KafkaLoss.tooShort(split, read: offset, end: end) }
            guard let mark = known.marks[split] else { continue }
            if let found = try reader(of: split).mark(at: mark.offset), found != mark {
                throw KafkaLoss.otherMessage(split, at: mark.offset)
            }
        }
        self.position = known.offsets.bySplit
        marks = known.marks
        counts = known.counts
    }

    private func reader(of split: SplitID) throws(ConnectorError) -> KafkaSplitReader {
        if let known = readers[split] { return known }
        let made = try KafkaSplitReader(split, shared)
        readers[split] = made
        return made
    }

    // MARK: Steps

    func next(
        rowsMax: Int, until deadline: MonotonicTime
    ) throws(ConnectorError) -> FeedStep {
        if position.isEmpty {
            position = try spec.source.start.resolved(
                ends.splits, spec.source.strategy, ends.client)
        }
        if spec.endsAtLatest, last == nil {
            try ends.refresh()
            last = try ends.ends()
        }
        while true {
            let ranges = try available(rowsMax: rowsMax)
            if !ranges.isEmpty { return try step(ranges) }
            if last != nil { return .ended }
            let now = time.now
            guard now < deadline, !asked.take() else { return .idle(until: nil) }
            time.sleep(nanos: min(1_000_000, deadline.nanos(since: now)))
        }
    }

    /// What there is, at most so many offsets, shared out evenly.
    private func available(rowsMax: Int) throws(ConnectorError) -> [(SplitID, Range<Int64>)] {
        for (split, reader) in readers {
            if let end = reader.heardEnd() { ends.raise(split, to: end) }
        }
        let latest = if let last { last } else { try ends.ends() }
        let isNew = latest.keys.filter { position[$0] == nil }
        if !isNew.isEmpty {
            // A partition that comes later is read from its first message.
            let earliest = try ends.earliest()
            for split in isNew { position[split] = earliest[split] ?? 0 }
        }
        let left = latest.filter { (position[$0.key] ?? 0) < $0.value }.keys.sorted()
        let share = Int64(max(1, rowsMax / max(1, left.count)))
        return left.prefix(rowsMax).map { split in
            let start = position[split] ?? 0
            return (split, start..<min(latest[split] ?? start, start + share))
        }
    }

    private func step(_ ranges: [(SplitID, Range<Int64>)]) throws(ConnectorError) -> FeedStep {
        var parts: [RecordBatch] = []
        var malformed: [MalformedRecord] = []
        var gaps: [FeedGap] = []
        var next = position
        var read: Int64 = 0
        do throws(ConnectorError) {
            for (split, offsets) in ranges {
                let reader = try reader(of: split)
                try reader.begin(at: offsets.lowerBound)
                let messages = try reader.read(offsets)
                let decoded = try decoder.decode(messages, of: split)
                parts.append(decoded.rows)
                malformed += decoded.refused.map { decoder.record(of: $0, messages, split) }
                if messages.lostCount > 0 { gaps.append(gap(messages.lostCount, split)) }
                read += Int64(messages.count)
                next[split] = offsets.upperBound
                if messages.count > 0 { marks[split] = messages.mark(messages.count - 1) }
            }
        } catch  where error.code == "closed" {
            isStopping.flag.withLock { $0 = false }
            return .idle(until: nil)
        }
        let before = counts
        counts.read += read
        counts.malformed += Int64(malformed.count)
        counts.gaps += Int64(gaps.count)
        position = next
        try spec.source.values.rejects.check(
            counts.malformed, of: counts.read, at: spec.source.subscription.text)
        let rows = try connectorErrors { try RecordBatch.concatenate(parts, schema: schema) }
        return .rows(
            FeedBatch(
                rows: rows,
                position: FeedPosition(
                    KafkaFeedPosition(
                        offsets: SourceOffsets(next), marks: marks, counts: counts
                    ).text),
                malformed: malformed, malformedBefore: before.malformed, gaps: gaps,
                gapsBefore: before.gaps))
    }

    private func gap(_ missing: Int64, _ split: SplitID) -> FeedGap {
        var gap = FeedGap("retention")
        gap.missing = missing
        gap.detail = "\(split)"
        return gap
    }

    func notices() -> [String] { decoder.notices() }

    func close() {
        ends.close()
        readers = [:]
    }
}

/// Where a feed goes on, as a log keeps it.
struct KafkaFeedPosition: Hashable, Sendable {
    struct Counts: Hashable, Sendable {
        /// Messages that were looked at.
        var read: Int64 = 0
        var malformed: Int64 = 0
        var gaps: Int64 = 0
    }

    let offsets: SourceOffsets
    /// The last message that was read of each partition.
    let marks: [SplitID: KafkaMark]
    let counts: Counts

    init(offsets: SourceOffsets, marks: [SplitID: KafkaMark], counts: Counts) {
        self.offsets = offsets
        self.marks = marks
        self.counts = counts
    }

    var text: String {
        JSONValue.object([
            ("offsets", .string(offsets.text)), ("tail", .string(KafkaTail(marks: marks).text)),
            ("read", .integer(counts.read)), ("malformed", .integer(counts.malformed)),
            ("gaps", .integer(counts.gaps)),
        ]).text()
    }

    init(parsing text: String) throws(ConnectorError) {
        guard let value = try? JSONValue.parse(text), let offsets = value["offsets"]?.stringValue,
            let tail = value["tail"]?.stringValue, let read = value["read"]?.int64Value,
            let malformed = value["malformed"]?.int64Value, let gaps = value["gaps"]?.int64Value
        else {
            throw ConnectorError(
                "badPosition", "the log has a position that is not one of topics", fault: .damage)
        }
        self.offsets = try SourceOffsets(parsing: offsets)
        marks = try KafkaTail(parsing: tail).marks
        counts = Counts(read: read, malformed: malformed, gaps: gaps)
    }
}
