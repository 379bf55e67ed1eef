import CServing

/// Server-sent events to one client: a frame at a time, made when the one before is sent.
final class EventStream {
    let connection: HTTPConnection
    /// Which run's sequence numbers its ids carry.
    let run: String
    var follower = Follower()
    /// The connection has ended.
    var isOver = false
    /// It has sent everything that it was given, and waits for more.
    private(set) var isWaiting = false
    private var bytes: [UInt8] = []
    private var sent = 0
    private(set) var sentBytes: UInt64 = 0

    init(_ connection: HTTPConnection, run: String) {
        self.connection = connection
        self.run = run
    }

    /// The first events: what there is, and whether what the client has is of another run.
    func begin(_ hello: [UInt8], sequence: UInt64, isReset: Bool) {
        bytes = text(hello + (isReset ? Messages.reset : []), sequence)
    }

    /// Gives what there is, or waits: 0 with the connection suspended; -1 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        if isOver { return -1 }
        let count = min(buffer.count, bytes.count - sent)
        guard count > 0 else {
            isWaiting = true
            unsafe cserving_http_suspend(connection.handle)
            return 0
        }
        unsafe buffer.copyBytes(from: bytes[sent..<sent + count])
        sent += count
        sentBytes += UInt64(count)
        return count
    }

    /// Sends messages, each on a line of its own; the id says how far the client then is.
    func send(_ messages: [UInt8], sequence: UInt64) {
        guard isWaiting, !isOver, !messages.isEmpty else { return }
        bytes = text(messages, sequence)
        sent = 0
        isWaiting = false
        unsafe cserving_http_resume(connection.handle)
    }

    private func text(_ messages: [UInt8], _ sequence: UInt64) -> [UInt8] {
        var text: [UInt8] = []
        for line in messages.split(separator: UInt8(ascii: "\n")) {
            text += "id: \(run).\(sequence)\ndata: ".utf8
            text += line
            text += "\n\n".utf8
        }
        return text
    }

    /// Ends it, when what was sent is on its way.
    func end() {
        isOver = true
        if isWaiting {
            isWaiting = false
            unsafe cserving_http_resume(connection.handle)
        }
    }
}
