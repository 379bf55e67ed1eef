import CRdKafka
import Columnar
import ConnectorAPI
import Glibc
import Storage
import Synchronization

/// Sends messages, in a transaction or not.
// `@unchecked`: a sink is used by one thread at a time.
@safe
final class KafkaProducer: @unchecked Sendable {
    /// What became of messages that were sent, as callbacks say.
    private final class Deliveries: Sendable {
        private let failure = Mutex<KafkaCode?>(nil)

        func note(_ code: KafkaCode) {
            failure.withLock { if $0 == nil { $0 = code } }
        }

        func take() -> KafkaCode? { failure.withLock { $0.take() } }
    }

    let client: KafkaClient
    private var library: KafkaLibrary { client.library }
    private var topics: [String: OpaquePointer] = unsafe [:]
    private static let open = Mutex([UInt: Deliveries]())
    private let deliveries = Deliveries()
    /// How long one call of a transaction may take; librdkafka's own limit is that of a request.
    private static let callMs: Int32 = 60_000
    private static let copies: Int32 = 2

    init(
        _ options: KafkaOptions, transactionalID: String?, secrets: (String) -> String?
    ) throws(ConnectorError) {
        var own: [(name: String, value: String)] = [("enable.idempotence", "true")]
        if let transactionalID { own.append(("transactional.id", transactionalID)) }
        client = unsafe try KafkaClient(.producer, options, own: own, secrets: secrets) {
            library, conf in
            unsafe library.confSetDelivery(conf) { handle, message, _ in
                guard let message = unsafe message, unsafe message.pointee.err != 0 else { return }
                let key = UInt(bitPattern: handle)
                let code = unsafe KafkaCode(message.pointee.err)
                KafkaProducer.open.withLock { $0[key] }?.note(code)
            }
        }
        let key = unsafe UInt(bitPattern: client.handle)
        Self.open.withLock { [deliveries] in $0[key] = deliveries }
    }

    deinit {
        let made = unsafe Array(topics.values)
        for index in unsafe made.indices { unsafe library.topicDestroy(made[index]) }
        let key = unsafe UInt(bitPattern: client.handle)
        _ = Self.open.withLock { $0.removeValue(forKey: key) }
    }

    // MARK: Messages

    /// A message.
    struct Message {
        let topic: String
        /// `nil` leaves it to librdkafka.
        let partition: Int32
        let timestamp: Int64
        let key: [UInt8]?
        let value: [UInt8]?
        let headers: [(name: String, bytes: [UInt8])]
    }

    private func handle(of topic: String) throws(ConnectorError) -> OpaquePointer {
        if let known = unsafe topics[topic] { return unsafe known }
        guard let made = unsafe library.topicNew(client.handle, topic, nil) else {
            throw .kafkaSettings("this is no name of a topic", at: topic)
        }
        unsafe topics[topic] = unsafe made
        return unsafe made
    }

    /// Takes a message; it is on its way some time later.
    func send(_ message: Message) throws(ConnectorError) {
        let topic = unsafe try handle(of: message.topic)
        let time = SystemTime()
        let end = time.now.advanced(byNanos: UInt64(Self.callMs) * 1_000_000)
        while true {
            guard let fault = unsafe produce(message, topic) else { return }
            guard fault.code == .queueFull else {
                throw sendError(fault.code, at: message.topic, fault.text)
            }
            guard time.now < end else {
                throw library.error(
                    fault.code, "send", at: message.topic, log: client.log.line)
            }
            // Room comes when answers do.
            _ = unsafe library.poll(client.handle, 20)
            if let fault = client.log.fault(library, at: message.topic) { throw fault }
        }
    }

    /// What is said of a message that is not taken, by librdkafka or by the broker.
    private func sendError(_ code: KafkaCode, at topic: String, _ text: String) -> ConnectorError {
        guard code == .messageTooLarge else {
            return library.error(code, "send", at: topic, detail: text, log: client.log.line)
        }
        return ConnectorError(
            "messageTooLarge",
            "a message is larger than is allowed; raise \"kafka.message.max.bytes\" in the sink and "
                + "\"max.message.bytes\" in the topic", at: topic)
    }

    private func produce(
        _ message: Message, _ topic: OpaquePointer
    ) -> (code: KafkaCode, text: String)? {
        let (key, value) = (message.key ?? [], message.value ?? [])
        return unsafe key.withUnsafeBytes { key in
            unsafe value.withUnsafeBytes { value in
                var arguments = unsafe [
                    rdk_make_topic(topic), rdk_make_partition(message.partition),
                    rdk_make_flags(Self.copies), rdk_make_timestamp(message.timestamp),
                ]
                if message.key != nil {
                    unsafe arguments.append(rdk_make_bytes(1, key.baseAddress, key.count))
                }
                if message.value != nil {
                    unsafe arguments.append(rdk_make_bytes(0, value.baseAddress, value.count))
                }
                return unsafe withHeaders(message.headers[...], &arguments) { arguments in
                    unsafe take(unsafe library.produceva(client.handle, arguments, arguments.count))
                }
            }
        }
    }

    /// Adds headers, whose texts live while `body` runs.
    private func withHeaders<Result>(
        _ headers: ArraySlice<(name: String, bytes: [UInt8])>, _ arguments: inout [rdk_argument],
        _ body: ([rdk_argument]) -> Result
    ) -> Result {
        guard let header = headers.first else { return unsafe body(arguments) }
        return unsafe header.name.withCString { name in
            unsafe header.bytes.withUnsafeBytes { bytes in
                unsafe arguments.append(rdk_make_header(name, bytes.baseAddress, bytes.count))
                return unsafe withHeaders(headers.dropFirst(), &arguments, body)
            }
        }
    }

    /// Waits until everything that was sent is acknowledged.
    func flush(to topic: String) throws(ConnectorError) {
        let time = SystemTime()
        // A message that is not acknowledged in its time comes back as a failure.
        let end = time.now.advanced(byNanos: 600_000_000_000)
        while unsafe library.flush(client.handle, 500) != 0 {
            if let fault = client.log.fault(library, at: topic) { throw fault }
            if let fatal { throw fatal }
            guard time.now < end else { break }
        }
        if let code = deliveries.take() {
            if let fatal { throw fatal }
            throw sendError(code, at: topic, "")
        }
    }

    // MARK: Transactions

    /// What an error of librdkafka says; it is destroyed.
    private func take(_ error: OpaquePointer?) -> (code: KafkaCode, text: String)? {
        guard let failure = unsafe failure(of: error) else { return nil }
        return (failure.code, failure.text)
    }

    struct Failure {
        let code: KafkaCode
        let text: String
        let isRetriable: Bool
    }

    private func failure(of error: OpaquePointer?) -> Failure? {
        guard let error = unsafe error else { return nil }
        defer { unsafe library.errorDestroy(error) }
        return unsafe Failure(
            code: KafkaCode(library.errorCode(error)),
            text: library.errorString(error).map { unsafe String(cString: $0) } ?? "",
            isRetriable: library.errorIsRetriable(error) != 0)
    }

    /// The fault after which this producer sends nothing more, if there was one.
    private var fatal: ConnectorError? {
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
        defer { unsafe text.deallocate() }
        unsafe text.initialize(repeating: 0, count: 512)
        let code = unsafe KafkaCode(library.fatalError(client.handle, text, 512))
        guard code != .none else { return nil }
        return library.error(
            code, "send", at: client.servers, detail: unsafe String(cString: text))
    }

    /// Keeps older producers of the same id out, and ends what they left open.
    func initTransactions(patienceMs: Int64) throws(ConnectorError) {
        unsafe try repeatedly("begin to write", patienceMs) {
            unsafe library.initTransactions(client.handle, 5_000)
        }
    }

    func beginTransaction() throws(ConnectorError) {
        unsafe try repeatedly("begin a transaction", 0) {
            unsafe library.beginTransaction(client.handle)
        }
    }

    /// Puts a group's offset into the transaction.
    func sendMarker(
        _ marker: KafkaMarker, group: String, topic: String
    ) throws(ConnectorError) {
        guard let metadata = unsafe library.groupNew(group) else {
            preconditionFailure("a group has a name")
        }
        defer { unsafe library.groupDestroy(metadata) }
        let list = unsafe library.partitionsNew(1)
        // The list frees the text with itself, so that it has to be the C library's.
        defer { unsafe library.partitionsDestroy(list) }
        let entry = unsafe library.partitionsAdd(list, topic, 0)
        unsafe entry.pointee.offset = marker.next
        unsafe KafkaText.set(marker.text, of: entry)
        unsafe try repeatedly("commit the batch's number", Int64(Self.callMs)) {
            unsafe library.sendOffsets(client.handle, list, metadata, Self.callMs)
        }
    }

    /// Commits; `nil` when that succeeded, or why nobody knows whether it did.
    func commitTransaction() -> Failure? {
        let time = SystemTime()
        let end = time.now.advanced(byNanos: UInt64(Self.callMs) * 2_000_000)
        while true {
            let failure = unsafe failure(
                of: library.commitTransaction(client.handle, Self.callMs))
            guard let failure, failure.isRetriable, time.now < end else { return failure }
            time.sleep(nanos: 20_000_000)
        }
    }

    /// Gives the open transaction up, as far as that can be done.
    func abortTransaction() {
        _ = unsafe library.purge(client.handle, 3)
        _ = unsafe failure(of: library.abortTransaction(client.handle, 10_000))
        _ = deliveries.take()
    }

    private func repeatedly(
        _ doing: String, _ patienceMs: Int64, _ call: () -> OpaquePointer?
    ) throws(ConnectorError) {
        let time = SystemTime()
        let end = time.now.advanced(byNanos: UInt64(patienceMs) * 1_000_000)
        while let failure = unsafe failure(of: call()) {
            if let fault = client.log.fault(library, at: client.servers) { throw fault }
            guard failure.isRetriable, time.now < end else {
                throw library.error(
                    failure.code, doing, at: client.servers, detail: failure.text,
                    log: client.log.line)
            }
            _ = unsafe library.poll(client.handle, 50)
        }
    }
}

/// Text that librdkafka frees.
enum KafkaText {
    /// Gives an entry of a list its metadata.
    static func set(_ text: String, of entry: UnsafeMutablePointer<rdk_partition>) {
        let bytes = Array(text.utf8)
        guard let copy = unsafe malloc(max(1, bytes.count)) else { return }
        unsafe copy.copyMemory(from: bytes, byteCount: bytes.count)
        unsafe entry.pointee.metadata = unsafe copy
        unsafe entry.pointee.metadata_size = bytes.count
    }
}
