import CServing
import Glibc

// Clients: how they are accepted, read, written to and let go.
extension PageServer: HTTPHandler {
    func accept(_ index: Int) {
        while true {
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

    func dropStreams() {
        for stream in streams where stream.isOver { unwatch(stream.follower) }
        streams.removeAll(where: \.isOver)
        countClients()
    }

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

    func serve(_ number: UInt64, isReadable: Bool, _ now: UInt64) {
        guard let peer = peers[number] else { return }
        if isReadable {
            guard let texts = peer.receive(nowNanos: now) else {
                drop(peer)
                return
            }
            for text in texts where !peer.isClosing { obey(text, peer) }
        }
        flush(peer, now)
    }

    /// Writes what is queued for a client; lets it go when it is gone.
    func flush(_ peer: WebSocketPeer, _ now: UInt64) {
        let (isOpen, bytes) = peer.flush(nowNanos: now)
        serving.bytesSent += bytes
        guard isOpen else {
            drop(peer)
            return
        }
        watch(peer.descriptor, peer.number, writing: peer.isWriting)
    }

    func drop(_ peer: WebSocketPeer) {
        guard peers.removeValue(forKey: peer.number) != nil else { return }
        unwatch(peer.follower)
        cserving_set_forget(set, peer.descriptor)
        peer.end()
        countClients()
    }
}
