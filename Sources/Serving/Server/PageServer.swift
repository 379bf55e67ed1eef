import CServing
import Columnar
import Engine
import Glibc
import JSON
import Storage
import Synchronization

/// Serves a job's page, its metrics and its live rows, on a thread of its own.
///
/// One thread does everything but read history: it takes what the engine left in the hub, merges it,
/// and gives each client what it can take. Nothing it does can hold the engine up.
final class PageServer: HTTPHandler {
    /// Clients that follow, at most.
    static let clientsMax = 512
    /// Sockets of the daemon, the signal and the listeners are known by numbers below this.
    private static let firstPeer: UInt64 = 16
    private static let statusNanos: UInt64 = 250_000_000
    private static let statusNanosMax: UInt64 = 1_000_000_000
    private static let sweepNanos: UInt64 = 500_000_000

    // Set once.
    let hub: LiveHub
    let job: ServedJob
    let run: String
    let rules: AccessRules
    let history: HistoryWorker
    let listener: Listener
    private let set: Int32
    private let time = SystemTime()

    // Changing.
    var table: LiveTable
    var facts = RunFacts()
    var serving = ServingFacts()
    var peers: [UInt64: WebSocketPeer] = [:]
    var streams: [EventStream] = []
    /// Requests whose answer is being read, by number.
    var waiting: [UInt64: HTTPConnection] = [:]
    private(set) var daemon: HTTPDaemon?
    private var nextNumber = PageServer.firstPeer
    private var pace: Pace
    private var pushedAtNanos: UInt64 = 0
    private var isDirty = false
    private var dirtyNanos: UInt64 = 0
    private var statusAtNanos: UInt64 = 0
    private var statusText: [UInt8] = []
    private var sweptAtNanos: UInt64 = 0
    private var isAccepting = true
    /// When the thread last turned: what health is told by.
    let turnedAtNanos = Atomic<UInt64>(0)
    private var farewell: String?

    init(
        _ hub: LiveHub, _ job: ServedJob, _ options: ServingOptions, _ files: any FileSystem
    ) throws(ServingError) {
        self.hub = hub
        self.job = job
        listener = try Listener(options)
        rules = AccessRules(options, port: listener.port)
        table = LiveTable(hub.queries, keep: options.keep)
        history = HistoryWorker(files, signalling: hub.descriptor)
        var random = SystemRandomNumberGenerator()
        run = String(random.next() as UInt64 | 1 << 63, radix: 16)
        set = cserving_set_open()
        pace = Pace(
            processors: sysconf(Int32(_SC_NPROCESSORS_ONLN)), nowNanos: time.monotonicNanos(),
            busyNanos: 0)
        guard set >= 0 else { throw .noDescriptor }
        let daemon = try HTTPDaemon(self)
        self.daemon = daemon
        watch(daemon.pollDescriptor, 0)
        watch(hub.descriptor, 1)
        for (index, descriptor) in listener.descriptors.enumerated() {
            watch(descriptor, UInt64(2 + index))
        }
    }

    var nowNanos: UInt64 { time.monotonicNanos() }

    private func watch(_ descriptor: Int32, _ number: UInt64, writing: Bool = false) {
        cserving_set_watch(set, descriptor, number, 1, writing ? 1 : 0)
    }

    // MARK: The loop

    /// Serves until the hub says that the run is over; then says so, and ends.
    func serve() {
        cserving_thread_yield_to_others(10)
        var until: UInt64?
        while until.map({ nowNanos < $0 && !isQuiet }) ?? true {
            turn()
            if farewell != nil, until == nil {
                // What is under way may still arrive, for a moment.
                until = nowNanos + 1_000_000_000
                sayFarewell()
            }
        }
        for peer in peers.values { peer.end() }
        peers = [:]
        daemon?.run()
        daemon?.stop()
        listener.close()
        close(set)
        hub.closeForGood()
    }

    private var isQuiet: Bool { !peers.values.contains(where: \.isWriting) && streams.isEmpty }

    /// One turn: waits for something, and does it.
    private func turn() {
        var ready = [cserving_ready](
            repeating: cserving_ready(number: 0, is_readable: 0, is_writable: 0), count: 64)
        let count = unsafe cserving_set_wait(set, &ready, 64, waitMillis)
        let now = nowNanos
        turnedAtNanos.store(now, ordering: .relaxed)
        for event in ready.prefix(Int(count)) {
            switch event.number {
            case 0: break
            case 1: takeFromHub()
            case 2..<Self.firstPeer: accept(Int(event.number) - 2)
            default: serve(event.number, isReadable: event.is_readable != 0, now)
            }
        }
        daemon?.run()
        answerHistory()
        pace.look(nowNanos: now, busyNanos: cserving_thread_nanos())
        serving.paceNanos = pace.pauseNanos
        push(now)
        sweep(now)
    }

    private var waitMillis: Int32 {
        let now = nowNanos
        var wait = Self.statusNanos
        if isDirty {
            let due = pushedAtNanos + pace.pauseNanos
            wait = min(wait, due > now ? due - now : 0)
        }
        for follower in peers.values.filter(\.isReady).map(\.follower) {
            if let nanos = follower.nextNanos(table, nowNanos: now) {
                wait = min(wait, max(nanos, 1_000_000))
            }
        }
        var millis = Int32((wait + 999_999) / 1_000_000)
        if let http = daemon?.timeoutMillis { millis = min(millis, Int32(clamping: http)) }
        return millis
    }

    // MARK: What the engine left

    private func takeFromHub() {
        for event in hub.take() {
            switch event {
            case .shown(let query, let batch, let rows, let at):
                table.show(query, batch: batch, rows)
                noteDirty(at)
            case .committed(let query, let batch, let rows, let at):
                table.commit(query, batch: batch, rows)
                noteDirty(at)
            case .lost(let query):
                table.lose(query)
                noteDirty(nowNanos)
            case .engine(let event):
                facts.note(event, nowNanos: nowNanos, nowMicros: time.nowMicros())
                if case .progress(let progress) = event {
                    table.removeOverdue(watermarkMs: progress.nextWatermarkMs)
                }
            case .stands(let batch, let watermarkMs):
                facts.note(lastBatch: batch, watermarkMs: watermarkMs)
            case .ended(let reason, let failed):
                facts.end(reason, failed: failed)
                farewell = reason
            }
        }
    }

    private func noteDirty(_ nanos: UInt64) {
        if !isDirty { dirtyNanos = nanos }
        isDirty = true
    }

    private func sayFarewell() {
        let text = Messages.line([("t", "end"), ("reason", .string(farewell ?? ""))])
        for peer in Array(peers.values) {
            peer.send(text, sequence: 0)
            flush(peer, nowNanos)
            // A close frame overtakes what is queued.
            if !peer.isWriting { peer.close(1001, "the run is over") }
            flush(peer, nowNanos)
        }
        for stream in streams {
            stream.send(text, sequence: table.sequence)
            stream.end()
        }
    }

    // MARK: Clients

    private func accept(_ index: Int) {
        while isAccepting {
            var address = sockaddr_storage()
            var length = socklen_t()
            let descriptor = unsafe cserving_accept(
                listener.descriptors[index], &address, &length)
            guard descriptor >= 0 else { return }
            guard canTakeMore else {
                close(descriptor)
                serving.refuse("limit")
                return
            }
            daemon?.add(descriptor, &address, length)
        }
    }

    /// Descriptors are left for the engine: a server must not take the last one.
    private var canTakeMore: Bool {
        var limit = rlimit()
        // Safe: the struct is a variable of this function.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return true
        }
        let open = (daemon?.connections.count ?? 0)
        return open < HTTPDaemon.connectionsMax && UInt64(open) < UInt64(limit.rlim_cur) / 2
    }

    func closed(_ connection: HTTPConnection) {
        waiting = waiting.filter { $0.value !== connection }
        for stream in streams where stream.connection === connection { stream.isOver = true }
        dropStreams()
    }

    private func dropStreams() {
        for stream in streams where stream.isOver { unwatch(stream.follower) }
        streams.removeAll(where: \.isOver)
        countClients()
    }

    private func countClients() { serving.liveClients = peers.count + streams.count }

    func upgraded(descriptor: Int32, handle: UnsafeMutableRawPointer, extra: [UInt8]) {
        let number = newNumber()
        guard
            let peer = unsafe WebSocketPeer(
                number: number, descriptor: descriptor, handle: handle, extra: extra,
                nowNanos: nowNanos)
        else {
            unsafe cserving_http_end(handle)
            return
        }
        peers[number] = peer
        countClients()
        peer.send(hello, sequence: 0)
        watch(descriptor, number)
        serve(number, isReadable: true, nowNanos)
    }

    func newNumber() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    private func serve(_ number: UInt64, isReadable: Bool, _ now: UInt64) {
        guard let peer = peers[number] else { return }
        if isReadable {
            guard let words = peer.receive(nowNanos: now) else {
                // Why it ends may still be said.
                _ = peer.flush(nowNanos: now)
                drop(peer)
                return
            }
            for case .text(let text) in words where !peer.isClosing { obey(text, peer) }
        }
        flush(peer, now)
    }

    /// Writes what is queued for a client; lets it go when it is gone.
    private func flush(_ peer: WebSocketPeer, _ now: UInt64) {
        let (isOpen, bytes) = peer.flush(nowNanos: now)
        serving.bytesSent += bytes
        guard isOpen else {
            drop(peer)
            return
        }
        watch(peer.descriptor, peer.number, writing: peer.isWriting)
    }

    private func drop(_ peer: WebSocketPeer) {
        guard peers.removeValue(forKey: peer.number) != nil else { return }
        unwatch(peer.follower)
        cserving_set_forget(set, peer.descriptor)
        peer.end()
        countClients()
    }

    func unwatch(_ follower: Follower) {
        for subscription in follower.subscriptions { hub.watch(subscription.query, -1) }
    }

    // MARK: Pushing

    private func push(_ now: UInt64) {
        let isDue = now >= pushedAtNanos + pace.pauseNanos
        let status = newStatus(now)
        guard isDue || status != nil else { return }
        let before = serving.rowsSent
        for peer in Array(peers.values) where peer.isReady {
            var frame: [UInt8] = []
            if isDue { frame = peer.follower.frame(of: table, nowNanos: now, &serving) }
            let hasRows = !frame.isEmpty
            if let status { frame += status }
            guard !frame.isEmpty else { continue }
            peer.send(frame, sequence: hasRows ? table.sequence : 0)
            flush(peer, now)
        }
        for stream in streams where stream.isWaiting {
            var frame: [UInt8] = []
            if isDue { frame = stream.follower.frame(of: table, nowNanos: now, &serving) }
            if let status { frame += status }
            serving.bytesSent += UInt64(frame.count)
            stream.send(frame, sequence: table.sequence)
        }
        guard isDue else { return }
        if serving.rowsSent > before {
            pushedAtNanos = now
            if isDirty {
                let sent = nowNanos
                serving.pushSeconds.add(Double(sent.since(dirtyNanos)) / 1e9)
            }
        }
        isDirty = false
    }

    /// The status, if it is new or due again.
    private func newStatus(_ now: UInt64) -> [UInt8]? {
        guard now.since(statusAtNanos) >= Self.statusNanos else { return nil }
        let text = Messages.line(facts.status(nowNanos: now))
        guard text != statusText || now.since(statusAtNanos) >= Self.statusNanosMax else {
            return nil
        }
        statusText = text
        statusAtNanos = now
        return text
    }

    // MARK: Keeping order

    private func sweep(_ now: UInt64) {
        guard now.since(sweptAtNanos) >= Self.sweepNanos else { return }
        sweptAtNanos = now
        if let late = daemon?.endLate(nowNanos: now), late > 0 {
            for _ in 0..<late { serving.refuse("slow") }
        }
        for peer in Array(peers.values) {
            guard peer.keepAlive(nowNanos: now) else {
                drop(peer)
                continue
            }
            flush(peer, now)
        }
        dropStreams()
    }

    private func answerHistory() {
        for (number, answer) in history.takeDone() {
            guard let connection = waiting.removeValue(forKey: number) else { continue }
            daemon?.resume(connection, with: answer)
        }
    }
}
