import Columnar
import ConnectorAPI
import JSON
import Storage
import Synchronization

/// A topic as a sink.
///
/// With `exactlyOnce` a batch is one transaction that also commits the next batch's number as an
/// offset of a group of the sink's own: after a crash older producers are fenced first, then that
/// number says which batch is published. A transaction lives from `prepare` to `commit`; one that a
/// crash left open is given up, since the batch can be computed again.
// `@unchecked`: one thread at a time calls a sink.
final class KafkaSink: Sink, @unchecked Sendable {
    let id: SinkID
    private let spec: KafkaSinkSpec
    private let checkpoint: String
    private let name: String
    private let secrets: @Sendable (String) -> String?
    private var producer: KafkaProducer?
    private var partitions: [String: Int32] = [:]
    /// The newest batch that is published.
    private var published: Int64 = -1
    private var marker: KafkaMarker?
    private var markedAt = MonotonicTime(nanos: 0)

    /// A group's offsets go after some days: the marker is set anew before.
    private static let markerNanosMax: UInt64 = 86_400_000_000_000
    private static let patienceMs: Int64 = 60_000
    /// How often a commit is tried whose outcome nobody says.
    private static let commitsMax = 3

    init(_ spec: KafkaSinkSpec, _ place: SinkPlace) throws(ConnectorError) {
        self.spec = spec
        checkpoint = place.owner.checkpointID
        name = spec.transactionalID(place)
        secrets = place.run.secrets
        id = SinkID(query: place.owner.query, place: "kafka/\(spec.topic ?? "")")
        _ = try KafkaLibrary.shared()
    }

    var description: String { "kafka[\(spec.topic ?? "topics of a column")]" }
    var history: SinkHistory { .everyBatch }

    // MARK: Recovery

    func recover(_ last: SinkRecovery) throws(ConnectorError) {
        published = last.committed?.number ?? -1
        if let topic = spec.topic { try requireTopic(topic) }
        let producer = try open()
        guard let topic = spec.topic else { return }
        // The first message would wait a second for it.
        try askPartitions(of: topic)
        guard spec.delivery == .exactlyOnce else { return }
        try producer.initTransactions(patienceMs: Self.patienceMs)
        let found = try readMarker(topic)
        let resume = try KafkaSinkResume(
            found, checkpoint: checkpoint, last, topic: topic)
        published = resume.published
        marker = found
        markedAt = SystemTime().now
        guard resume.setsMarker else { return }
        let first = KafkaMarker(next: published + 1, checkpoint: checkpoint)
        try commitAlone(first, topic)
        marker = first
    }

    /// Commits a marker without rows.
    ///
    /// Where nobody says whether that succeeded it is done again, which changes nothing.
    private func commitAlone(_ marker: KafkaMarker, _ topic: String) throws(ConnectorError) {
        for attempt in 1... {
            let producer = try open()
            try producer.beginTransaction()
            try producer.sendMarker(marker, group: name, topic: topic)
            guard let failure = producer.commitTransaction() else { return }
            if failure.code.isFenced { throw fencedOut(topic) }
            guard attempt < Self.commitsMax else { throw unknown(failure, topic) }
            self.producer = nil
            try open().initTransactions(patienceMs: Self.patienceMs)
        }
    }

    /// Asks as a reader, since the question of a producer makes a topic on some clusters.
    private func requireTopic(_ topic: String) throws(ConnectorError) {
        _ = try reader().partitions(of: [topic])
    }

    /// A connection that makes and changes nothing.
    private func reader() throws(ConnectorError) -> KafkaClient {
        unsafe try KafkaClient(
            .consumer, spec.options,
            own: [
                ("group.id", name), ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"), ("allow.auto.create.topics", "false"),
            ], secrets: secrets)
    }

    private func open() throws(ConnectorError) -> KafkaProducer {
        if let producer { return producer }
        let id = spec.delivery == .exactlyOnce ? name : nil
        let made = try KafkaProducer(spec.options, transactionalID: id, secrets: secrets)
        producer = made
        return made
    }

    private func askPartitions(of topic: String) throws(ConnectorError) {
        let found = try open().client.partitions(of: [topic])
        partitions[topic] = Int32(clamping: found[topic]?.count ?? 0)
    }

    /// The marker as it is after everything that is decided: stable offsets alone.
    private func readMarker(_ topic: String) throws(ConnectorError) -> KafkaMarker? {
        let found = try reader().committed(SplitID(topic, 0), patienceMs: Self.patienceMs)
        return found.flatMap { KafkaMarker(offset: $0.offset, metadata: $0.metadata) }
    }

    // MARK: Batches

    func prepare(_ batch: SinkBatch) throws(ConnectorError) -> any PreparedBatch {
        let records = KafkaRecords(batch.rows, spec.layout)
        let next = KafkaMarker(
            next: batch.number.number + 1, checkpoint: checkpoint, rows: Int64(records.count),
            checksum: records.count == 0 ? 0 : records.checksum())
        guard spec.delivery == .exactlyOnce, let topic = spec.topic else {
            try send(records, batch)
            try open().flush(to: spec.topic ?? description)
            return SentBatch(receipt: next.receipt)
        }
        if batch.number.number <= published {
            try checkSame(next, topic)
            return SentBatch(receipt: next.receipt)
        }
        guard records.count > 0 || needsMarker else { return SentBatch(receipt: next.receipt) }
        try stage(records, batch, next, topic)
        return KafkaTransaction(self, records, batch, next, topic)
    }

    /// Whether the marker is old enough that it might go.
    private var needsMarker: Bool {
        SystemTime().now.nanos(since: markedAt) > Self.markerNanosMax
    }

    /// A batch that is published is not sent again, but it is the same batch.
    private func checkSame(_ next: KafkaMarker, _ topic: String) throws(ConnectorError) {
        guard let marker, marker.next == next.next, marker.checkpoint == checkpoint,
            marker != next
        else { return }
        throw ConnectorError(
            "anotherBatch",
            "the topic has batch \(next.published) with other rows than the job gives now: it is not "
                + "the job, or not the input, that wrote it. Clear the job's checkpoint and outputs "
                + "and start over", at: topic, fault: .damage)
    }

    /// Sends a batch in a transaction that is not committed.
    fileprivate func stage(
        _ records: KafkaRecords, _ batch: SinkBatch, _ next: KafkaMarker, _ topic: String
    ) throws(ConnectorError) {
        let producer = try open()
        try producer.beginTransaction()
        do {
            try send(records, batch)
            try producer.flush(to: topic)
            try producer.sendMarker(next, group: name, topic: topic)
        } catch {
            producer.abortTransaction()
            throw fenced(error, topic)
        }
    }

    private func send(_ records: KafkaRecords, _ batch: SinkBatch) throws(ConnectorError) {
        let producer = try open()
        for row in 0..<records.count {
            guard let topic = spec.topic ?? records.topic(row) else {
                throw ConnectorError(
                    "noTopic", "row \(row) of batch \(batch.number) has no topic", at: description)
            }
            if partitions[topic] == nil { try askPartitions(of: topic) }
            let key = records.key(row)
            try producer.send(
                KafkaProducer.Message(
                    topic: topic,
                    partition: try partition(of: row, key, records, topic),
                    timestamp: records.timestamp(row) ?? batch.plannedAt.count, key: key,
                    value: records.value(row), headers: records.headers(row)))
        }
    }

    private func partition(
        of row: Int, _ key: [UInt8]?, _ records: KafkaRecords, _ topic: String
    ) throws(ConnectorError) -> Int32 {
        let count = max(1, partitions[topic] ?? 1)
        if let given = records.partition(row) {
            guard given >= 0, given < count else {
                throw ConnectorError(
                    "noSuchPartition",
                    "row \(row) is for partition \(given), and the topic has \(count)", at: topic)
            }
            return given
        }
        // Not at random, so that a batch that comes again goes where it went.
        return key.map { KafkaPartitioner.partition(key: $0, of: count) }
            ?? Int32(row % Int(count))
    }

    // MARK: Commit

    /// Commits the open transaction, and finds out what became of it where that is not said.
    fileprivate func commit(
        _ records: KafkaRecords, _ batch: SinkBatch, _ next: KafkaMarker, _ topic: String
    ) throws(ConnectorError) -> SinkReceipt {
        guard published < next.published else { return next.receipt }
        var attempts = 0
        while let failure = try open().commitTransaction() {
            if failure.code.isFenced { throw fencedOut(topic) }
            attempts += 1
            guard attempts < Self.commitsMax else { throw unknown(failure, topic) }
            // Never given up and sent again: a request that is late could end a later transaction.
            // A new producer ends whatever is open, and then the marker says what happened.
            producer = nil
            let producer = try open()
            try producer.initTransactions(patienceMs: Self.patienceMs)
            if try readMarker(topic) == next { break }
            try stage(records, batch, next, topic)
        }
        published = next.published
        marker = next
        markedAt = SystemTime().now
        return next.receipt
    }

    fileprivate func abort() { producer?.abortTransaction() }

    private func unknown(_ failure: KafkaProducer.Failure, _ topic: String) -> ConnectorError {
        ConnectorError(
            "unknownOutcome",
            "nobody knows whether a transaction is committed: \(JSONValue.escaped(failure.text)); run "
                + "the job again, which finds out", at: topic)
    }

    private func fencedOut(_ topic: String) -> ConnectorError {
        ConnectorError(
            "fenced",
            "another streamer with this job's name writes to the topic, and this one was shut out; "
                + "run one of the two, or give one another \"transactionalIdPrefix\"", at: topic)
    }

    private func fenced(_ error: ConnectorError, _ topic: String) -> ConnectorError {
        let codes = [KafkaCode.fenced, .producerFenced, .invalidProducerEpoch]
        return codes.contains { error.code == "kafka\($0.number)" } ? fencedOut(topic) : error
    }

    /// Compares what the batch gives now with what its commit recorded.
    func verify(
        _ batch: SinkBatch, _ receipts: [SinkReceipt]
    ) throws(ConnectorError) -> [String] {
        let records = KafkaRecords(batch.rows, spec.layout)
        let now = KafkaMarker(
            next: batch.number.number + 1, checkpoint: checkpoint, rows: Int64(records.count),
            checksum: records.count == 0 ? 0 : records.checksum())
        guard !receipts.contains(now.receipt) else { return [] }
        return ["\(description): the batch, run again, gives other messages than it published"]
    }

    func close() { producer = nil }
}

/// A batch of which nothing is left to do.
private struct SentBatch: PreparedBatch {
    let receipt: SinkReceipt
    func commit() -> [SinkReceipt] { [receipt] }
    func abort() {}
}

/// A batch in an open transaction.
private final class KafkaTransaction: PreparedBatch {
    private let sink: KafkaSink
    private let records: KafkaRecords
    private let batch: SinkBatch
    private let next: KafkaMarker
    private let topic: String

    init(
        _ sink: KafkaSink, _ records: KafkaRecords, _ batch: SinkBatch, _ next: KafkaMarker,
        _ topic: String
    ) {
        self.sink = sink
        self.records = records
        self.batch = batch
        self.next = next
        self.topic = topic
    }

    func commit() throws(ConnectorError) -> [SinkReceipt] {
        [try sink.commit(records, batch, next, topic)]
    }

    func abort() { sink.abort() }
}
