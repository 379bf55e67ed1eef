import CServing
import Glibc

/// A connection of a client, from its first byte to its last.
// Safe: the handle is libmicrohttpd's, given to it alone, and only while it is open.
@safe final class HTTPConnection {
    let handle: UnsafeMutableRawPointer
    let descriptor: Int32
    /// When it is ended unless a request's head is whole by then; nil while one is answered.
    var deadlineNanos: UInt64?
    /// What a suspended request is answered with.
    var answer: HTTPAnswer?

    init(_ handle: UnsafeMutableRawPointer, descriptor: Int32, deadlineNanos: UInt64) {
        unsafe self.handle = unsafe handle
        self.descriptor = descriptor
        self.deadlineNanos = deadlineNanos
    }
}

/// What becomes of a request.
enum HTTPReply {
    case answer(HTTPAnswer)
    /// It is answered when the connection's `answer` is there.
    case later
    /// Events that are sent as they come.
    case events(EventStream)
    /// The socket is handed over to WebSocket frames.
    case webSocket(accept: String)
}

/// Answers requests, on the thread that runs the daemon.
protocol HTTPHandler: AnyObject {
    func reply(to head: RequestHead, on connection: HTTPConnection) -> HTTPReply
    func upgraded(descriptor: Int32, handle: UnsafeMutableRawPointer, extra: [UInt8])
    func closed(_ connection: HTTPConnection)
    var nowNanos: UInt64 { get }
}

/// An HTTP server without thread and socket of its own: libmicrohttpd parses what strangers send.
// Safe: the daemon is stopped once, and not used afterwards.
@safe final class HTTPDaemon {
    /// Within this the head of a request is whole.
    static let headNanos: UInt64 = 5_000_000_000
    /// Seconds without a byte after which a connection ends.
    static let idleSeconds: UInt32 = 15
    static let connectionsMax = 1_024
    /// What libmicrohttpd may use of memory for a connection: the head, twice.
    private static let bytesMax = 24_576

    private unowned let handler: any HTTPHandler
    private var daemon: UnsafeMutableRawPointer?
    private(set) var connections: [UInt: HTTPConnection] = [:]

    /// Starts to answer through a handler, which outlives the daemon.
    init(_ handler: any HTTPHandler) throws(ServingError) {
        self.handler = handler
        var events = unsafe cserving_http_events()
        unsafe events.context = Unmanaged.passUnretained(self).toOpaque()
        unsafe events.opened = { context, connection, descriptor in
            guard let connection = unsafe connection else { return }
            unsafe HTTPDaemon.of(context).opened(connection, descriptor)
        }
        unsafe events.closed = { context, connection in
            unsafe HTTPDaemon.of(context).closed(UInt(bitPattern: connection))
        }
        unsafe events.requested = { context, connection, target, method, version, first, body in
            guard let connection = unsafe connection, let target = unsafe target,
                let method = unsafe method
            else { return -1 }
            return unsafe HTTPDaemon.of(context).requested(
                connection, String(cString: target), String(cString: method), hasBody: body != 0)
        }
        unsafe events.completed = { context, connection in
            unsafe HTTPDaemon.of(context).completed(UInt(bitPattern: connection))
        }
        unsafe daemon = cserving_http_start(
            &events, UInt32(Self.connectionsMax), Self.idleSeconds, Self.bytesMax)
        guard unsafe daemon != nil else { throw .noDescriptor }
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> HTTPDaemon {
        guard let context = unsafe context else { preconditionFailure("the context is the daemon") }
        return unsafe Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
    }

    /// Ends all connections.
    func stop() {
        guard let running = unsafe daemon else { return }
        unsafe cserving_http_stop(running)
        unsafe daemon = nil
    }

    /// Readable when `run` has something to do.
    var pollDescriptor: Int32 { unsafe daemon.map { unsafe cserving_http_descriptor($0) } ?? -1 }

    func run() { if let daemon = unsafe daemon { unsafe cserving_http_run(daemon) } }

    /// Milliseconds until `run` is to be called whatever happens.
    var timeoutMillis: Int64? {
        guard let daemon = unsafe daemon, case let millis = unsafe cserving_http_timeout(daemon),
            millis >= 0
        else { return nil }
        return millis
    }

    /// Takes a connection in that was accepted.
    func add(_ descriptor: Int32, _ address: inout sockaddr_storage, _ length: socklen_t) {
        guard let daemon = unsafe daemon else { return }
        // Safe: the address is as long as accept(2) said.
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            let address = unsafe UnsafeMutableRawPointer(pointer)
                .assumingMemoryBound(to: sockaddr.self)
            _ = unsafe cserving_http_add(daemon, descriptor, address, length)
        }
    }

    /// Answers a request that was suspended.
    func resume(_ connection: HTTPConnection, with answer: HTTPAnswer) {
        guard unsafe connections[UInt(bitPattern: connection.handle)] === connection else { return }
        connection.answer = answer
        unsafe cserving_http_resume(connection.handle)
    }

    /// Ends connections whose request's head has taken too long.
    func endLate(nowNanos: UInt64) -> Int {
        let late = connections.values.filter { $0.deadlineNanos.map { $0 <= nowNanos } ?? false }
        for connection in late {
            connection.deadlineNanos = nil
            shutdown(connection.descriptor, Int32(SHUT_RDWR))
        }
        return late.count
    }

    // MARK: Events

    private func opened(_ handle: UnsafeMutableRawPointer, _ descriptor: Int32) {
        unsafe connections[UInt(bitPattern: handle)] = HTTPConnection(
            handle, descriptor: descriptor, deadlineNanos: handler.nowNanos + Self.headNanos)
    }

    private func closed(_ number: UInt) {
        guard let connection = connections.removeValue(forKey: number) else { return }
        handler.closed(connection)
    }

    private func completed(_ number: UInt) {
        // The next request may be long in coming, its head not.
        connections[number]?.deadlineNanos =
            handler.nowNanos + UInt64(Self.idleSeconds) * 1_000_000_000 + Self.headNanos
    }

    private func requested(
        _ handle: UnsafeMutableRawPointer, _ target: String, _ method: String, hasBody: Bool
    ) -> Int32 {
        guard let connection = connections[UInt(bitPattern: handle)] else { return -1 }
        connection.deadlineNanos = nil
        if let answer = connection.answer {
            connection.answer = nil
            return unsafe send(answer, on: handle)
        }
        var head = RequestHead(method: method, target: target, hasBody: hasBody, fields: [])
        // Safe: the visit is over when the call returns.
        unsafe withUnsafeMutablePointer(to: &head) { pointer in
            unsafe cserving_http_fields(handle, pointer) { context, name, value in
                guard let context = unsafe context, let name = unsafe name,
                    let value = unsafe value
                else { return }
                let head = unsafe context.assumingMemoryBound(to: RequestHead.self)
                unsafe head.pointee.fields.append(
                    (String(cString: name).lowercased(), String(cString: value)))
            }
        }
        switch handler.reply(to: head, on: connection) {
        case .answer(let answer): return unsafe send(answer, on: handle)
        case .later:
            unsafe cserving_http_suspend(handle)
            return 0
        case .events(let stream): return unsafe start(stream, on: handle)
        case .webSocket(let accept): return unsafe upgrade(handle, accept)
        }
    }

    private func send(_ answer: HTTPAnswer, on handle: UnsafeMutableRawPointer) -> Int32 {
        unsafe withCFields(answer.allFields) { fields in
            unsafe answer.body.withUnsafeBytes {
                unsafe cserving_http_answer(
                    handle, answer.status, fields, $0.baseAddress, $0.count, 0)
            }
        }
    }

    private func start(_ stream: EventStream, on handle: UnsafeMutableRawPointer) -> Int32 {
        let fields = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
        unsafe cserving_http_patience(handle, 30)
        // Safe: the answer holds one reference, which its release gives back.
        let context = unsafe Unmanaged.passRetained(stream).toOpaque()
        let result = unsafe withCFields(fields + HTTPAnswer.securityFields) { fields in
            unsafe cserving_http_stream(
                handle, fields, context,
                { context, _, bytes, count in
                    guard let context = unsafe context, let bytes = unsafe bytes else { return -1 }
                    let stream = unsafe Unmanaged<EventStream>.fromOpaque(context)
                        .takeUnretainedValue()
                    return unsafe stream.read(
                        into: UnsafeMutableRawBufferPointer(start: bytes, count: count))
                },
                { context in
                    guard let context = unsafe context else { return }
                    let stream = unsafe Unmanaged<EventStream>.fromOpaque(context)
                        .takeRetainedValue()
                    stream.isOver = true
                })
        }
        return result
    }

    private func upgrade(_ handle: UnsafeMutableRawPointer, _ accept: String) -> Int32 {
        let fields = [("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept)]
        return unsafe withCFields(fields) { fields in
            unsafe cserving_http_upgrade(
                handle, fields, Unmanaged.passUnretained(self).toOpaque()
            ) { context, descriptor, handle, extra, count in
                guard let handle = unsafe handle else { return }
                let bytes = unsafe UnsafeRawBufferPointer(start: extra, count: count)
                unsafe HTTPDaemon.of(context).handler.upgraded(
                    descriptor: descriptor, handle: handle, extra: Array(bytes))
            }
        }
    }
}

/// Names and values as C has them: pointers to text, each pair after the other, null behind the last.
private func withCFields<Result>(
    _ fields: [(String, String)], _ body: (cserving_fields) -> Result
) -> Result {
    var bytes: [CChar] = []
    var places: [Int] = []
    for text in fields.flatMap({ [$0.0, $0.1] }) {
        places.append(bytes.count)
        // Nothing from outside can end a line of the head.
        bytes += text.utf8.map { $0 < 0x20 ? 0x20 : CChar(bitPattern: $0) } + [0]
    }
    return unsafe bytes.withUnsafeBufferPointer { buffer in
        var pointers: [UnsafePointer<CChar>?] = unsafe places.map { place in
            unsafe buffer.baseAddress.map { unsafe $0 + place }
        }
        unsafe pointers.append(nil)
        return unsafe pointers.withUnsafeBufferPointer { pointers in
            guard let base = pointers.baseAddress else {
                preconditionFailure("an array with an element has a base address")
            }
            return unsafe body(base)
        }
    }
}
