import CRdKafka
import ConnectorAPI
import JSON
import Storage
import Synchronization

/// Reads one partition, mostly forward: librdkafka fetches ahead as far as its queue allows, and a
/// range is taken from there when it is wanted.
///
/// Invariants, while it runs: every message from `start` up to `position` that is there stands in
/// `pending`, by offset; what is before `start` was given away. `taken` has the ranges from `start`
/// on that were given away out of order; `lost` those that were no longer there.
// `@unchecked`: everything below `lock` is used with it held.
@safe
final class KafkaSplitReader: @unchecked Sendable {
    /// What the readers of a source have in common.
    struct Shared: Sendable {
        let client: KafkaClient
        /// Where offsets are asked for.
        let queries: KafkaClient
        /// How long nothing may come of a partition that has more, ms.
        let patienceMs: Int64
        let failOnDataLoss: Bool
        let isClosed: @Sendable () -> Bool
    }

    let split: SplitID
    private let shared: Shared
    private let topic: OpaquePointer
    private var library: KafkaLibrary { shared.client.library }

    private let lock = Mutex(())
    private var isRunning = false
    private var start: Int64 = 0
    private var position: Int64 = 0
    private var pending: [UnsafeMutablePointer<rdk_message>] = unsafe []
    private var taken: [Range<Int64>] = []
    private var lost: [Range<Int64>] = []
    private var newest: KafkaMark?
    private var bytesRead: Int64 = 0
    private var messagesRead: Int64 = 0
    private let room: UnsafeMutablePointer<UnsafeMutablePointer<rdk_message>?>
    private static let batchMax = 4_096
    private static let waitMs: Int32 = 50

    init(_ split: SplitID, _ shared: Shared) throws(ConnectorError) {
        guard
            let topic = unsafe shared.client.library.topicNew(
                shared.client.handle, split.group, nil)
        else { throw .kafkaSettings("this is no name of a topic", at: split.group) }
        self.split = split
        self.shared = shared
        unsafe self.topic = topic
        unsafe room = .allocate(capacity: Self.batchMax)
        unsafe room.initialize(repeating: nil, count: Self.batchMax)
    }

    deinit {
        if isRunning { _ = unsafe library.consumeStop(topic, Int32(split.number)) }
        unsafe drop(pending.count)
        unsafe library.topicDestroy(topic)
        unsafe room.deallocate()
    }

    // MARK: What is asked

    /// Makes ready for the messages from an offset on: those before it are not asked for again.
    func begin(at offset: Int64) throws(ConnectorError) {
        try lock.withLock { _ throws(ConnectorError) in
            if isRunning, offset >= start, offset <= position {
                advance(to: offset)
                taken = []
            } else {
                try restart(at: offset)
            }
            if let mark = newest, mark.offset >= offset { newest = nil }
        }
    }

    /// The messages of a range; waits for those that are not here yet.
    ///
    /// The range is whole when a message beyond it came, or the partition's end at or beyond it:
    /// offsets before its end may have no message, as they were a transaction's marker, aborted,
    /// or compacted.
    func read(_ offsets: Range<Int64>) throws(ConnectorError) -> KafkaMessages {
        try lock.withLock { _ throws(ConnectorError) in
            // What was given away is asked for again.
            let isGone = offsets.lowerBound < start || taken.contains { $0.overlaps(offsets) }
            if !isRunning || isGone { try restart(at: offsets.lowerBound) }
            try fetch(until: offsets.upperBound)
            return take(offsets)
        }
    }

    /// What identifies the last message before an offset, as far as one was read.
    func mark(before offset: Int64) -> KafkaMark? {
        lock.withLock { _ in newest.flatMap { $0.offset < offset ? $0 : nil } }
    }

    /// Remembers what an earlier run read last.
    func restore(_ mark: KafkaMark) { lock.withLock { _ in newest = mark } }

    /// The mark of the message at an offset or, where that is gone, none.
    func mark(at offset: Int64) throws(ConnectorError) -> KafkaMark? {
        try lock.withLock { _ throws(ConnectorError) in
            try restart(at: offset)
            do throws(ConnectorError) {
                try fetch(until: offset + 1)
            } catch  where error.code == KafkaLoss.code {
                return nil
            }
            guard let first = unsafe pending.first, unsafe first.pointee.offset == offset else {
                return nil
            }
            let messages = take(offset..<offset + 1)
            return messages.mark(0)
        }
    }

    /// About how many bytes a message has; looks at the first ones where nothing is known.
    func messageBytes() -> Int64 {
        lock.withLock { _ in
            if messagesRead == 0 { _ = try? pull(waitMs: 500) }
            return messagesRead == 0 ? 1_024 : max(1, bytesRead / messagesRead)
        }
    }

    /// The newest end that librdkafka has heard while it fetched, if it has.
    func heardEnd() -> Int64? {
        var (low, high) = (0 as Int64, 0 as Int64)
        let code = unsafe library.watermarks(
            shared.client.handle, split.group, Int32(split.number), &low, &high)
        return code == 0 && high >= 0 ? high : nil
    }

    // MARK: How it comes

    private func restart(at offset: Int64) throws(ConnectorError) {
        stop()
        guard unsafe library.consumeStart(topic, Int32(split.number), offset) == 0 else {
            throw library.error(
                KafkaCode(library.lastError()), "read from offset \(offset)",
                at: "\(split)")
        }
        isRunning = true
        (start, position) = (offset, offset)
        (taken, lost) = ([], [])
    }

    private func stop() {
        if isRunning { _ = unsafe library.consumeStop(topic, Int32(split.number)) }
        isRunning = false
        unsafe drop(pending.count)
    }

    /// Destroys the first messages.
    private func drop(_ count: Int) {
        for index in 0..<count { unsafe library.messageDestroy(pending[index]) }
        unsafe pending.removeFirst(count)
    }

    private func fetch(until end: Int64) throws(ConnectorError) {
        let time = SystemTime()
        var deadline = time.now.advanced(byNanos: UInt64(shared.patienceMs) * 1_000_000)
        while position < end {
            let before = position
            if try pull(waitMs: Self.waitMs), position > before {
                deadline = time.now.advanced(byNanos: UInt64(shared.patienceMs) * 1_000_000)
                shared.client.log.clear()
                continue
            }
            guard !shared.isClosed() else {
                throw ConnectorError("closed", "the source was closed", at: "\(split)")
            }
            _ = unsafe library.poll(shared.client.handle, 0)
            if let fault = shared.client.log.fault(library, at: "\(split)") { throw fault }
            guard time.now < deadline else {
                let said = shared.client.log.error?.text ?? shared.client.log.line
                throw ConnectorError(
                    "noProgress",
                    "nothing came from offset \(position) on for \(shared.patienceMs) ms, and the "
                        + "partition has messages up to \(end)"
                        + (said.isEmpty ? "" : " (\(JSONValue.escaped(said)))")
                        + "; \"kafkaConsumer.pollTimeoutMs\" says how long is waited",
                    at: "\(split)", retry: .now)
            }
        }
    }

    /// Takes over what librdkafka has, or the first that comes within a time.
    ///
    /// - Returns: whether something came.
    private func pull(waitMs: Int32) throws(ConnectorError) -> Bool {
        let number = Int32(split.number)
        var count = unsafe library.consumeBatch(topic, number, 0, room, Self.batchMax)
        if count <= 0 {
            unsafe room[0] = unsafe library.consume(topic, number, waitMs)
            count = unsafe room[0] == nil ? 0 : 1
        }
        for index in 0..<count {
            guard let message = unsafe room[index] else { continue }
            do {
                try unsafe add(message)
            } catch {
                for rest in index + 1..<max(count, index + 1) {
                    if let message = unsafe room[rest] { unsafe library.messageDestroy(message) }
                }
                // What came behind the fault is asked for again.
                isRunning = false
                _ = unsafe library.consumeStop(topic, number)
                throw error
            }
        }
        return count > 0
    }

    /// Takes a message over, or what came in its place.
    private func add(_ message: UnsafeMutablePointer<rdk_message>) throws(ConnectorError) {
        let code = unsafe KafkaCode(message.pointee.err)
        let offset = unsafe message.pointee.offset
        if code == .none {
            // Of a request from before a restart.
            guard offset >= position else { return unsafe library.messageDestroy(message) }
            position = offset + 1
            unsafe pending.append(message)
            bytesRead += unsafe Int64(message.pointee.length + message.pointee.key_length)
            messagesRead += 1
            return
        }
        let said = unsafe message.pointee.payload.map { payload in
            unsafe String(
                decoding: UnsafeRawBufferPointer(start: payload, count: message.pointee.length),
                as: UTF8.self)
        }
        unsafe library.messageDestroy(message)
        switch code {
        case .partitionEOF: position = max(position, offset)
        case .offsetOutOfRange, .autoOffsetReset: try skipLost()
        default:
            let error = library.error(
                code, "read from offset \(position)", at: "\(split)", detail: said ?? "")
            // What passes is left to librdkafka, which tries again.
            guard error.retry == .never else { return }
            throw error
        }
    }

    /// Goes on at the partition's first message, where the job allows that.
    private func skipLost() throws(ConnectorError) {
        let wanted = position
        let first = try shared.queries.offsets(at: [split: .earliest])[split] ?? 0
        let end = try shared.queries.offsets(at: [split: .latest])[split] ?? 0
        if wanted > end { throw KafkaLoss.tooShort(split, read: wanted, end: end) }
        guard first > wanted else {
            return try restartKeeping(at: wanted)
        }
        guard !shared.failOnDataLoss else {
            throw KafkaLoss.retention(split, wanted: wanted, first: first)
        }
        lost.append(wanted..<first)
        position = first
        try restartKeeping(at: first)
    }

    /// Starts anew at the position without giving up what is here.
    private func restartKeeping(at offset: Int64) throws(ConnectorError) {
        _ = unsafe library.consumeStop(topic, Int32(split.number))
        guard unsafe library.consumeStart(topic, Int32(split.number), offset) == 0 else {
            isRunning = false
            throw library.error(
                KafkaCode(library.lastError()), "read from offset \(offset)",
                at: "\(split)")
        }
    }

    // MARK: What is given

    private func take(_ offsets: Range<Int64>) -> KafkaMessages {
        let from = place(of: offsets.lowerBound)
        let to = place(of: offsets.upperBound)
        let messages = unsafe Array(pending[from..<to])
        unsafe pending.removeSubrange(from..<to)
        let lostCount = lost.reduce(0 as Int64) { sum, range in
            sum + Int64(range.clamped(to: offsets).count)
        }
        let given = unsafe KafkaMessages(library, taking: messages, lostCount: lostCount)
        if given.count > 0 {
            let mark = given.mark(given.count - 1)
            if newest.map({ $0.offset < mark.offset }) ?? true { newest = mark }
        }
        taken.append(offsets)
        while let index = taken.firstIndex(where: { $0.contains(start) }) {
            advance(to: taken.remove(at: index).upperBound)
        }
        return given
    }

    /// The index in `pending` of the first message at or behind an offset.
    private func place(of offset: Int64) -> Int {
        var (low, high) = unsafe (0, pending.count)
        while low < high {
            let middle = (low + high) / 2
            if unsafe pending[middle].pointee.offset < offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// Gives up what is before an offset.
    private func advance(to offset: Int64) {
        drop(place(of: offset))
        start = max(start, offset)
        lost.removeAll { $0.upperBound <= start }
    }
}
