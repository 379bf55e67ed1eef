import Columnar
public import Storage
import Synchronization

/// A page that is served beside an engine, or without one, until it is ended.
public final class PageService: Sendable {
    /// Where the page is, as a person opens it.
    public let address: String
    /// The port that was taken.
    public let port: UInt16
    /// What to do about a build without the page; nil where it is there.
    ///
    /// `/metrics` and the rest are there all the same.
    public let missing: String?
    private let hub: LiveHub
    private let done = Mutex(false)

    /// Begins to serve on a thread of its own.
    ///
    /// - Throws: ``ServingError`` when a library is missing, the port is in use, or others could
    ///   reach the page without a token. Nothing is served then.
    public init(
        _ hub: LiveHub, _ job: ServedJob, _ options: ServingOptions, files: any FileSystem
    ) throws(ServingError) {
        try options.check()
        try ServingLibraries.open()
        let server = try PageServer(hub, job, options, files)
        self.hub = hub
        missing = Assets.hasPage ? nil : Assets.missing
        let host = options.address.flatMap { isLoopback($0) ? nil : $0 } ?? "127.0.0.1"
        port = server.listener.port
        address = "http://\(host.contains(":") ? "[\(host)]" : host):\(server.listener.port)/"
        // Safe: from here on only the thread that begins now touches the server.
        let box = Handover(server)
        let code = startThread { [weak self] in
            box.server.serve()
            self?.done.withLock { $0 = true }
        }
        guard code == 0 else {
            throw ServingError(
                "cannot create a thread for the page (error \(code)); raise the limit of processes "
                    + "(ulimit -u) or of memory (ulimit -v)")
        }
    }

    /// Says why the run is over, and waits until whoever follows was told, or a moment has passed.
    public func end(_ reason: String, failed: Bool = false) {
        hub.end(reason, failed: failed)
        let time = SystemTime()
        for _ in 0..<200 where !done.withLock(\.self) { time.sleep(nanos: 10_000_000) }
    }

    /// Hands the server to its thread.
    // `@unchecked`: nobody else keeps it.
    private struct Handover: @unchecked Sendable {
        let server: PageServer
        init(_ server: PageServer) { self.server = server }
    }
}
