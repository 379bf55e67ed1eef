import CRdKafka
import ConnectorAPI
import Storage

/// A place in a partition that is looked up by a time.
enum KafkaTime: Hashable, Sendable {
    /// The oldest message that is kept.
    case earliest
    /// Behind the newest message that may be read: the last stable offset, unless what is not
    /// committed is read, too.
    case latest
    /// The first message with this Kafka timestamp, ms, or a later one.
    case at(Int64)

    fileprivate var number: Int64 {
        switch self {
        case .earliest: -2
        case .latest: -1
        case .at(let milliseconds): max(0, milliseconds)
        }
    }
}

extension KafkaClient {
    /// How long a first answer may take, ms.
    static let patienceMs: Int64 = 30_000
    /// How long one attempt takes, so that a refusal is noticed meanwhile.
    private static let attemptMs: Int64 = 2_000

    /// The partitions of some topics.
    ///
    /// - Parameters:
    ///   - names: the topics, each of which must be there; `nil` is all of the cluster.
    ///   - patienceMs: how long an answer may take.
    /// - Returns: the numbers of the partitions of each.
    /// - Throws: when there is no answer, or a topic is not there.
    func partitions(
        of names: [String]?, patienceMs: Int64 = patienceMs
    ) throws(ConnectorError) -> [String: [Int]] {
        guard let names else { return unsafe try metadata(nil, at: servers, patienceMs) }
        var found: [String: [Int]] = [:]
        for name in names {
            guard let topic = unsafe library.topicNew(handle, name, nil) else {
                throw .kafkaSettings("this is no name of a topic", at: name)
            }
            defer { unsafe library.topicDestroy(topic) }
            found.merge(try unsafe metadata(topic, at: name, patienceMs)) { $1 }
        }
        return found
    }

    private func metadata(
        _ topic: OpaquePointer?, at place: String, _ patienceMs: Int64
    ) throws(ConnectorError) -> [String: [Int]] {
        try attempt("ask for the topic's partitions", at: place, patienceMs) { timeoutMs in
            var answer: UnsafePointer<rdk_metadata>?
            let code = unsafe library.metadata(
                handle, topic == nil ? 1 : 0, topic, &answer, timeoutMs)
            guard code == 0, let answer = unsafe answer else { return .failure(KafkaCode(code)) }
            defer { unsafe library.metadataDestroy(answer) }
            var found: [String: [Int]] = [:]
            for index in 0..<Int(unsafe answer.pointee.topic_count) {
                guard let entry = unsafe answer.pointee.topics?[index],
                    let name = unsafe entry.topic
                else { continue }
                if unsafe entry.err != 0 {
                    if unsafe topic != nil { return unsafe .failure(KafkaCode(entry.err)) }
                    continue
                }
                found[unsafe String(cString: name)] = (0..<Int(unsafe entry.partition_count))
                    .compactMap { number in
                        unsafe entry.partitions.map { unsafe Int($0[number].id) }
                    }.filter { $0 >= 0 }.sorted()
            }
            return .success(found)
        }
    }

    /// Repeats a call that may fail for reasons that pass, until it succeeds or patience ends.
    private func attempt<Result>(
        _ doing: String, at place: String, _ patienceMs: Int64,
        _ call: (_ timeoutMs: Int32) -> Swift.Result<Result, KafkaCode>
    ) throws(ConnectorError) -> Result {
        let time = SystemTime()
        let end = time.now.advanced(byNanos: UInt64(patienceMs) * 1_000_000)
        while true {
            let result = call(Int32(min(patienceMs, Self.attemptMs)))
            // Errors of connections come as events.
            _ = unsafe library.poll(handle, 0)
            switch result {
            case .success(let value): return value
            case .failure(let code):
                if let fault = log.fault(library, at: place) { throw fault }
                let error = library.error(code, doing, at: place, log: log.line)
                guard error.retry != .never, time.now < end else {
                    throw code.isMissingTopic
                        ? ConnectorError(
                            error.code, error.message, at: place, fault: .settings) : error
                }
                time.sleep(nanos: 50_000_000)
            }
        }
    }

    /// Offsets by times, of every partition that is asked for.
    ///
    /// - Returns: the offsets; none where no message is that late.
    func offsets(
        at times: [SplitID: KafkaTime], patienceMs: Int64 = patienceMs
    ) throws(ConnectorError) -> [SplitID: Int64] {
        guard !times.isEmpty else { return [:] }
        return try attempt("ask for offsets", at: servers, patienceMs) { timeoutMs in
            let list = unsafe library.partitionsNew(Int32(times.count))
            defer { unsafe library.partitionsDestroy(list) }
            for (split, time) in times.sorted(by: { $0.key < $1.key }) {
                let entry = unsafe library.partitionsAdd(list, split.group, Int32(split.number))
                unsafe entry.pointee.offset = time.number
            }
            let code = unsafe library.offsetsForTimes(handle, list, timeoutMs)
            guard code == 0 else { return .failure(KafkaCode(code)) }
            var found: [SplitID: Int64] = [:]
            for index in 0..<Int(unsafe list.pointee.count) {
                guard let entry = unsafe list.pointee.elements?[index],
                    let topic = unsafe entry.topic
                else { continue }
                guard unsafe entry.err == 0 else { return unsafe .failure(KafkaCode(entry.err)) }
                let split = unsafe SplitID(String(cString: topic), Int(max(0, entry.partition)))
                if unsafe entry.offset >= 0 { found[split] = unsafe entry.offset }
            }
            return .success(found)
        }
    }

    /// The cluster's own name; empty where it has none.
    func clusterID() -> String {
        guard let text = unsafe library.clusterID(handle, 5_000) else { return "" }
        defer { unsafe library.memFree(handle, text) }
        return unsafe String(cString: text)
    }

    /// What the client's group has committed for a partition; `nil` where it has nothing.
    func committed(
        _ split: SplitID, patienceMs: Int64
    ) throws(ConnectorError) -> (offset: Int64, metadata: String)? {
        try attempt("ask for the group's offsets", at: servers, patienceMs) { timeoutMs in
            let list = unsafe library.partitionsNew(1)
            defer { unsafe library.partitionsDestroy(list) }
            let entry = unsafe library.partitionsAdd(list, split.group, Int32(split.number))
            let code = unsafe library.committed(handle, list, timeoutMs)
            guard code == 0 else { return .failure(KafkaCode(code)) }
            guard unsafe entry.pointee.err == 0 else {
                return unsafe .failure(KafkaCode(entry.pointee.err))
            }
            guard unsafe entry.pointee.offset >= 0 else { return .success(nil) }
            let metadata = unsafe entry.pointee.metadata.map { bytes in
                unsafe String(
                    decoding: UnsafeRawBufferPointer(
                        start: bytes, count: entry.pointee.metadata_size), as: UTF8.self)
            }
            return unsafe .success((entry.pointee.offset, metadata ?? ""))
        }
    }

    /// Commits positions to the client's group and does not wait for the answer.
    ///
    /// - Returns: whether the request is on its way.
    func commitSoon(_ offsets: SourceOffsets) -> Bool {
        let list = unsafe library.partitionsNew(Int32(offsets.bySplit.count))
        defer { unsafe library.partitionsDestroy(list) }
        for (split, offset) in offsets.bySplit {
            let entry = unsafe library.partitionsAdd(list, split.group, Int32(split.number))
            unsafe entry.pointee.offset = offset
        }
        return unsafe library.commit(handle, list, 1) == 0
    }
}

extension KafkaCode: Error {}
