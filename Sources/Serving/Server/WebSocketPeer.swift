import CServing
import Glibc
import Storage

/// A client over a WebSocket.
///
/// A frame is queued only when the one before is written and at most two are not acknowledged, so
/// what is under way to a slow client is two frames, whatever happens meanwhile.
// Safe: the frames are freed once, when the peer ends, and not used afterwards.
@safe final class WebSocketPeer {
    /// Where a connection is on its way.
    private enum Life {
        /// Frames go both ways. Can transition to `closing`.
        case open
        /// A close frame is queued behind what is under way. Can transition to `lingering`.
        case closing
        /// Everything is sent and our side is shut. What the client still sends is read for nobody
        /// until it closes, since the kernel resets a connection that is closed with bytes unread,
        /// and a reset overtakes the close frame.
        case lingering(untilNanos: UInt64)
    }

    /// The longest message of a client.
    static let messageBytesMax: UInt64 = 4_096
    /// Messages and control frames of a client, in a second.
    static let messagesMax = 20
    static let unacknowledgedMax = 2
    static let sendBufferBytes: Int32 = 32 << 10
    /// How long a client may take to close after it was told.
    static let lingerNanos: UInt64 = 5_000_000_000

    /// The number that it is known by.
    let number: UInt64
    let descriptor: Int32
    var follower = Follower()
    /// Whether it was told that the run is over.
    var knowsEnd = false
    /// Whether the client says what it has painted; a program need not.
    private var acknowledges = false
    private var unacknowledged: [UInt64] = []
    private var life = Life.open
    /// When it last took a byte of what is under way to it, and last said something.
    private var tookAtNanos: UInt64
    private(set) var heardAtNanos: UInt64
    private var pingedAtNanos: UInt64
    private var tookBytes: UInt64 = 0
    private var second: (nanos: UInt64, messages: Int)
    private let handle: UnsafeMutableRawPointer
    private var frames: OpaquePointer?
    private var received: [(opcode: Int32, bytes: [UInt8])] = []

    /// Takes a socket over; nil if there is no memory.
    init?(
        number: UInt64, descriptor: Int32, handle: UnsafeMutableRawPointer, extra: [UInt8],
        nowNanos: UInt64
    ) {
        self.number = number
        self.descriptor = descriptor
        unsafe self.handle = unsafe handle
        tookAtNanos = nowNanos
        heardAtNanos = nowNanos
        pingedAtNanos = nowNanos
        second = (nowNanos, 0)
        cserving_tune(descriptor, Self.sendBufferBytes)
        // Safe: the frames are freed before the peer goes.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe frames = extra.withUnsafeBufferPointer { extra in
            unsafe extra.withMemoryRebound(to: CChar.self) { extra in
                unsafe cserving_frames_open(
                    descriptor, extra.baseAddress, extra.count, Self.messageBytesMax, context
                ) { context, opcode, bytes, count in
                    guard let context = unsafe context else { return }
                    let peer = unsafe Unmanaged<WebSocketPeer>.fromOpaque(context)
                        .takeUnretainedValue()
                    let message = unsafe UnsafeBufferPointer(start: bytes, count: count)
                    unsafe peer.received.append((opcode, Array(message)))
                }
            }
        }
        guard unsafe frames != nil else { return nil }
    }

    /// Gives the socket back, which closes it.
    func end() {
        guard let open = unsafe frames else { return }
        unsafe cserving_frames_free(open)
        unsafe frames = nil
        unsafe cserving_http_end(handle)
    }

    // MARK: Receiving

    /// Reads what is there, and gives the texts; nil when the connection is over.
    func receive(nowNanos: UInt64) -> [[UInt8]]? {
        guard let open = unsafe frames else { return nil }
        heardAtNanos = nowNanos
        // What nobody reads would be announced again and again.
        let isDeaf = unsafe isClosing && cserving_frames_wants_read(open) == 0
        if isDeaf || isLingering { return cserving_discard(descriptor) == 0 ? [] : nil }
        received = []
        guard unsafe cserving_frames_receive(open) == 0 else { return nil }
        if nowNanos.since(second.nanos) > 1_000_000_000 { second = (nowNanos, 0) }
        second.messages += received.count
        // Text is the protocol's, 8 to 10 are control frames, which libwslay answers.
        let texts = received.filter { $0.opcode == 1 }.map(\.bytes)
        if received.contains(where: { $0.opcode == 2 }) { close(1003, "only text is read here") }
        if second.messages > Self.messagesMax + Self.unacknowledgedMax {
            close(1008, "too many messages")
        }
        // A close frame of the client, or a violation: libwslay has queued what it is answered with.
        if unsafe cserving_frames_wants_read(open) == 0 { life = .closing }
        return texts
    }

    /// The client has painted what came up to a sequence number.
    func acknowledge(_ sequence: UInt64) {
        acknowledges = true
        let before = unacknowledged.count
        unacknowledged.removeAll { $0 <= sequence }
        // As many as there were frames: those are not too many.
        if unacknowledged.count < before { second.messages -= 1 }
    }

    // MARK: Sending

    /// Whether bytes are left that the socket did not take.
    var isWriting: Bool {
        unsafe frames.map { unsafe cserving_frames_wants_write($0) != 0 } ?? false
    }

    /// Whether nothing more is said but farewell.
    var isClosing: Bool { if case .open = life { false } else { true } }

    private var isLingering: Bool { if case .lingering = life { true } else { false } }

    /// Whether the next frame may go out.
    var isReady: Bool {
        !isClosing && !isWriting
            && (!acknowledges || unacknowledged.count < Self.unacknowledgedMax)
    }

    /// Queues messages as one frame.
    func send(_ text: [UInt8], sequence: UInt64) {
        guard let open = unsafe frames, !isClosing else { return }
        _ = unsafe cserving_frames_queue(open, 1, text, text.count)
        if sequence > 0 { unacknowledged.append(sequence) }
        if unacknowledged.count > 64 { unacknowledged.removeFirst() }
    }

    /// Writes what is queued as far as it goes; whether the connection is still there, and how many
    /// bytes the socket took.
    func flush(nowNanos: UInt64) -> (isOpen: Bool, bytes: UInt64) {
        guard let open = unsafe frames else { return (false, 0) }
        let before = unsafe cserving_frames_sent(open)
        let result = unsafe cserving_frames_send(open)
        let took = unsafe cserving_frames_sent(open)
        if took != tookBytes || !isWriting { tookAtNanos = nowNanos }
        tookBytes = took
        if case .closing = life, result == 0, !isWriting {
            shutdown(descriptor, Int32(SHUT_WR))
            life = .lingering(untilNanos: nowNanos + Self.lingerNanos)
        }
        return (result == 0, took - before)
    }

    /// Says farewell; what is under way is still sent.
    func close(_ status: UInt32, _ reason: String) {
        guard let open = unsafe frames, !isClosing else { return }
        life = .closing
        let text = Array(reason.utf8)
        _ = unsafe cserving_frames_close(open, status, text, text.count)
    }

    /// Pings a client that has been silent; false for one that is gone or takes nothing.
    func keepAlive(nowNanos: UInt64) -> Bool {
        guard let open = unsafe frames else { return false }
        if case .lingering(let until) = life { return nowNanos < until }
        if isWriting, nowNanos.since(tookAtNanos) > 30_000_000_000 { return false }
        if nowNanos.since(heardAtNanos) > 45_000_000_000 { return false }
        if nowNanos.since(pingedAtNanos) > 20_000_000_000, !isWriting {
            pingedAtNanos = nowNanos
            _ = unsafe cserving_frames_queue(open, 9, nil, 0)
        }
        return true
    }
}
