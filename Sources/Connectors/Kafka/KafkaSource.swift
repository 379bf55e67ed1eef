import Columnar
import ConnectorAPI
import JSON
import Storage
import Synchronization

/// Topics of a Kafka cluster as a source: a partition is a split.
///
/// The engine owns the offsets: partitions are assigned, never subscribed to, so that nothing is
/// rebalanced, and what a group is told after a commit is for monitoring alone.
final class KafkaSource: Source {
    let description: String
    let columns: SourceColumns
    private let spec: KafkaSourceSpec
    private let secrets: @Sendable (String) -> String?
    private let group: String
    /// What is known of the topics, from the first question on: a job that is only looked at
    /// connects to nothing.
    private let known = Mutex<KafkaEnds?>(nil)
    private let decoder: KafkaDecoder
    private let polling: PollingWait
    private let lag: KafkaLag?
    private let isClosed = Mutex(false)
    private let state = Mutex(State())

    private struct State {
        var readers: [SplitID: KafkaSplitReader] = [:]
        var shared: KafkaSplitReader.Shared?
        /// How far batches were planned, and when the last one was.
        var planned: SourceOffsets?
        var plannedAt = MonotonicTime(nanos: 0)
        /// Marks of the run before, of partitions that this one has not read.
        var marks: [SplitID: KafkaMark] = [:]
    }

    init(_ spec: KafkaSourceSpec, _ place: SourcePlace) throws(ConnectorError) {
        self.spec = spec
        secrets = place.secrets
        description = "kafka[\(spec.subscription.text)]"
        columns = spec.sourceColumns
        polling = PollingWait(place.time)
        decoder = try KafkaDecoder(spec.values, place.files)
        lag = spec.commitsOffsets ? KafkaLag() : nil
        group = spec.group(checkpoint: place.checkpoint, source: place.name)
    }

    /// What is known of the topics; connects with the first call.
    private func connected() throws(ConnectorError) -> KafkaEnds {
        try known.withLock { (known) throws(ConnectorError) in
            if let known { return known }
            let client = unsafe try KafkaClient(
                .consumer, spec.options, own: spec.clientSettings + [("group.id", group)],
                secrets: secrets
            ) { [lag] library, conf in unsafe lag?.configure(library, conf) }
            let ends = try KafkaEnds(spec.subscription, client, refreshMs: spec.refreshMs)
            known = ends
            return ends
        }
    }

    // MARK: Positions

    func earliest() throws(ConnectorError) -> SourceOffsets {
        SourceOffsets(try connected().earliest())
    }

    func start() throws(ConnectorError) -> SourceOffsets {
        let ends = try connected()
        return SourceOffsets(try spec.start.resolved(ends.splits, spec.strategy, ends.client))
    }

    func latest() throws(ConnectorError) -> SourceOffsets {
        let ends = try connected()
        let (readers, planned, plannedAt) = state.withLock {
            ($0.readers, $0.planned, $0.plannedAt)
        }
        for (split, reader) in readers {
            if let end = reader.heardEnd() { ends.raise(split, to: end) }
        }
        let latest = SourceOffsets(try ends.ends())
        guard let planned, let least = spec.offsetsPerBatchMin,
            planned.filled(from: latest).distance(to: latest) < least,
            SystemTime().now.nanos(since: plannedAt) < spec.triggerDelayNanosMax
        else { return latest }
        // Too few for a batch of their own: as if they were not there yet.
        return planned
    }

    func offsets(atOrAfter time: EventTime) throws(ConnectorError) -> SourceOffsets {
        let ends = try connected()
        let milliseconds = floorDivide(time.micros, 1_000)
        let isWhole = milliseconds * 1_000 == time.micros
        let start = KafkaStart.time(isWhole ? milliseconds : milliseconds + 1)
        return SourceOffsets(try start.resolved(ends.splits, .latest, ends.client))
    }

    func require(_ range: OffsetRange) throws(ConnectorError) {
        let ends = try connected()
        try ends.refresh()
        let (earliest, latest) = (try ends.earliest(), try ends.ends())
        for split in range.start.splits {
            guard let offsets = range[split] else { continue }
            guard let first = earliest[split], let last = latest[split] else {
                guard spec.failOnDataLoss else { continue }
                throw KafkaLoss.gone(split, wanted: offsets.lowerBound)
            }
            if offsets.lowerBound < first, spec.failOnDataLoss {
                throw KafkaLoss.retention(split, wanted: offsets.lowerBound, first: first)
            }
            if offsets.upperBound > last {
                throw KafkaLoss.tooShort(split, read: offsets.upperBound, end: last)
            }
        }
    }

    func wait(beyond seen: SourceOffsets, until deadline: MonotonicTime) {
        polling.wait(for: self, beyond: seen, until: deadline)
    }

    func release(before offsets: SourceOffsets) {
        guard let ends = known.withLock({ $0 }) else { return }
        lag?.commit(offsets, ends.client)
    }

    // MARK: What stands before a position

    func tail(at end: SourceOffsets) -> String? {
        let (readers, marks) = state.withLock { ($0.readers, $0.marks) }
        var members: [SplitID: KafkaMark] = [:]
        for (split, offset) in end.bySplit {
            members[split] = readers[split]?.mark(before: offset) ?? marks[split]
        }
        return members.isEmpty ? nil : KafkaTail(marks: members).text
    }

    func resume(at end: SourceOffsets, tail: String?) throws(ConnectorError) {
        let known = try tail.map { text throws(ConnectorError) in try KafkaTail(parsing: text) }
        let ends = try connected()
        try ends.refresh()
        let latest = try ends.ends()
        for split in end.splits {
            guard let offset = end[split] else { continue }
            guard let last = latest[split] else {
                guard spec.failOnDataLoss else { continue }
                throw KafkaLoss.gone(split, wanted: offset)
            }
            if offset > last { throw KafkaLoss.tooShort(split, read: offset, end: last) }
            guard let mark = known?.marks[split], mark.offset < offset else { continue }
            let reader = try reader(of: split)
            if let found = try reader.mark(at: mark.offset), found != mark {
                throw KafkaLoss.otherMessage(split, at: mark.offset)
            }
            reader.restore(mark)
        }
        state.withLock { $0.marks = known?.marks ?? [:] }
        ends.note(read: end)
    }

    // MARK: Reading

    func plan(
        _ range: OffsetRange, rowsMax: Int
    ) throws(ConnectorError) -> [BlockPlan] {
        let ends = try connected()
        var plans: [BlockPlan] = []
        for (split, offsets) in range.splits {
            let reader = try reader(of: split)
            try reader.begin(at: offsets.lowerBound)
        }
        for (split, offsets) in range.splits {
            let reader = try reader(of: split)
            let rows = min(Int64(rowsMax), max(1, Self.blockBytes / reader.messageBytes()))
            var start = offsets.lowerBound
            while start < offsets.upperBound {
                let block =
                    start..<(offsets.upperBound - start > rows ? start + rows : offsets.upperBound)
                plans.append(
                    BlockPlan(split: split, offsets: block) { [decoder] () throws(ConnectorError) in
                        let messages = try reader.read(block)
                        return try decoder.block(messages, of: split, from: block.lowerBound)
                    })
                start = block.upperBound
            }
        }
        state.withLock { state in
            state.planned = range.end
            state.plannedAt = SystemTime().now
        }
        ends.note(read: range.end)
        return plans
    }

    /// About how many bytes of messages a block has.
    private static let blockBytes: Int64 = 32 << 20

    private func reader(of split: SplitID) throws(ConnectorError) -> KafkaSplitReader {
        if let known = state.withLock({ $0.readers[split] }) { return known }
        let reader = try KafkaSplitReader(split, shared())
        // Only the engine's thread plans, so that no other makes the same one.
        state.withLock { $0.readers[split] = reader }
        return reader
    }

    /// The connection that messages come by: made when the first are wanted, since its memory is
    /// shared out over the partitions.
    private func shared() throws(ConnectorError) -> KafkaSplitReader.Shared {
        if let known = state.withLock({ $0.shared }) { return known }
        let ends = try connected()
        let kilobytes = spec.bufferBytesMax / 1_024 / Int64(max(1, ends.splits.count))
        let client = unsafe try KafkaClient(
            .consumer, spec.options,
            own: spec.clientSettings + [
                ("group.id", "streamer"),
                ("queued.max.messages.kbytes", String(min(max(kilobytes, 64), 2_097_151))),
            ], secrets: secrets)
        let shared = KafkaSplitReader.Shared(
            client: client, queries: ends.client, patienceMs: spec.pollTimeoutMs,
            failOnDataLoss: spec.failOnDataLoss,
            isClosed: { [self] in isClosed.withLock { $0 } })
        state.withLock { $0.shared = shared }
        return shared
    }

    func notices() -> [String] { decoder.notices() }

    func close() {
        isClosed.withLock { $0 = true }
        if let ends = known.withLock({ $0.take() }) {
            lag?.finish(ends.client)
            ends.close()
        }
        state.withLock { state in
            state.readers = [:]
            state.shared = nil
        }
    }
}

/// The last messages that were read, as a commit keeps them: by topic and partition the offset and
/// the checksum.
struct KafkaTail: Hashable, Sendable {
    let marks: [SplitID: KafkaMark]

    init(marks: [SplitID: KafkaMark]) { self.marks = marks }

    /// One line: `{"ticks":{"0":[1041,"00c0ffee00c0ffee"]}}`.
    var text: String {
        var members: [(String, JSONValue)] = []
        var splits: [(String, JSONValue)] = []
        let all = marks.keys.sorted()
        for (index, split) in all.enumerated() {
            guard let mark = marks[split] else { continue }
            let text = JSONValue.string(Checksum.hex(mark.checksum))
            splits.append((String(split.number), .array([.integer(mark.offset), text])))
            let next = index + 1 < all.count ? all[index + 1].group : nil
            if let next, next.utf8.elementsEqual(split.group.utf8) { continue }
            members.append((split.group, .object(splits)))
            splits = []
        }
        return JSONValue.object(members).text()
    }

    /// The marks of a text.
    init(parsing text: String) throws(ConnectorError) {
        var marks: [SplitID: KafkaMark] = [:]
        let topics = (try? JSONValue.parse(text))?.members
        for topic in topics ?? [] {
            for split in topic.value.members ?? [] {
                let parts = split.value.elements ?? []
                guard let number = Int(split.key), number >= 0, parts.count == 2,
                    let offset = parts[0].int64Value, offset >= 0,
                    let checksum = parts[1].stringValue.flatMap({ Checksum.parseHex($0) })
                else { throw Self.damaged(text) }
                marks[SplitID(topic.key, number)] = KafkaMark(offset: offset, checksum: checksum)
            }
        }
        guard topics != nil else { throw Self.damaged(text) }
        self.marks = marks
    }

    private static func damaged(_ text: String) -> ConnectorError {
        ConnectorError(
            "badTail",
            "'\(JSONValue.escaped(String(text.prefix(80))))' does not say which messages were read "
                + "last; clear the checkpoint together with its outputs and start over",
            fault: .damage)
    }
}
