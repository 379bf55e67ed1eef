import CServing
import Engine
import Glibc
import Storage

/// Serves a job's page, its metrics and its live rows, on a thread of its own.
///
/// One thread does everything but read history: it takes what the engine left in the hub, merges it,
/// and gives each client what it can take. Nothing it does can hold the engine up.
final class PageServer {
    /// Clients that follow, at most.
    static let clientsMax = 512
    /// Sockets of the daemon, the signal and the listeners are known by numbers below this.
    static let firstPeer: UInt64 = 16
    static let statusNanos: UInt64 = 250_000_000
    static let statusNanosMax: UInt64 = 1_000_000_000
    static let sweepNanos: UInt64 = 500_000_000
    /// How long clients may take to go when the run is over.
    static let farewellNanos: UInt64 = 1_000_000_000

    // Set once.
    let hub: LiveHub
    let job: ServedJob
    let run: String
    let rules: AccessRules
    /// How fast a replay goes on, which a page may change.
    let replay: ReplayPace?
    let history: HistoryWorker
    let listener: Listener
    let set: Int32
    let time = SystemTime()

    // Changing.
    var table: LiveTable
    var facts = RunFacts()
    var serving = ServingFacts()
    var peers: [UInt64: WebSocketPeer] = [:]
    var streams: [EventStream] = []
    /// Requests whose answer is being read, by number.
    var waiting: [UInt64: HTTPConnection] = [:]
    var daemon: HTTPDaemon?
    var nextNumber = PageServer.firstPeer
    var pace: Pace
    var pushedAtNanos: UInt64 = 0
    var isDirty = false
    var dirtyNanos: UInt64 = 0
    var statusAtNanos: UInt64 = 0
    var statusText: [UInt8] = []
    var sweptAtNanos: UInt64 = 0
    /// When the thread last turned: what health is told by.
    var turnedAtNanos: UInt64 = 0
    var farewell: String?

    init(
        _ hub: LiveHub, _ job: ServedJob, _ options: ServingOptions, _ files: any FileSystem
    ) throws(ServingError) {
        self.hub = hub
        self.job = job
        replay = job.replay
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

    func watch(_ descriptor: Int32, _ number: UInt64, writing: Bool = false) {
        cserving_set_watch(set, descriptor, number, 1, writing ? 1 : 0)
    }

    func newNumber() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    func countClients() { serving.liveClients = peers.count + streams.count }

    func unwatch(_ follower: Follower) {
        for subscription in follower.subscriptions { hub.watch(subscription.query, -1) }
    }
}
