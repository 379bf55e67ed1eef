import CServing
import Engine
import Glibc
import JSON
import Storage

// The loop of the serving thread, and what it sends without being asked.
extension PageServer {
    /// Serves until the hub says that the run is over; then says so, and ends.
    func serve() {
        cserving_thread_yield_to_others(10)
        var until: UInt64?
        while until.map({ nowNanos < $0 && !isQuiet }) ?? true {
            turn()
            guard farewell != nil else { continue }
            // What is under way may still arrive, for a moment.
            let end = until ?? nowNanos + Self.farewellNanos
            if until == nil { for stream in streams { tellEnd(stream) } }
            until = end
            sayFarewell(isLate: nowNanos + Self.farewellNanos / 2 > end)
        }
        for peer in peers.values { peer.end() }
        peers = [:]
        daemon?.run()
        daemon?.stop()
        listener.close()
        close(set)
        hub.closeForGood()
    }

    /// Whether everybody was told, and has gone.
    private var isQuiet: Bool { peers.isEmpty && streams.isEmpty }

    /// One turn: waits for something, and does it.
    private func turn() {
        var ready = [cserving_ready](
            repeating: cserving_ready(number: 0, is_readable: 0, is_writable: 0), count: 64)
        let count = unsafe cserving_set_wait(set, &ready, 64, waitMillis)
        let now = nowNanos
        turnedAtNanos = now
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
            case .fault(let text): facts.note(fault: text)
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

    private var farewellText: [UInt8] {
        Messages.line([("t", "end"), ("reason", .string(farewell ?? ""))])
    }

    private func tellEnd(_ stream: EventStream) {
        stream.send(farewellText, sequence: table.sequence)
        stream.end()
    }

    /// Tells whoever has seen every row that the run is over, and closes who has read that.
    ///
    /// A close frame overtakes what is queued. When it is late, rows are not waited for.
    private func sayFarewell(isLate: Bool) {
        let now = nowNanos
        for peer in Array(peers.values) where !peer.isClosing && !peer.isWriting {
            if peer.knowsEnd {
                peer.close(1001, "the run is over")
            } else if isLate || peer.follower.nextNanos(table, nowNanos: now) == nil {
                peer.knowsEnd = true
                peer.send(farewellText, sequence: 0)
                flush(peer, now)
                guard !peer.isWriting else { continue }
                peer.close(1001, "the run is over")
            }
            flush(peer, now)
        }
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
        var members = facts.status(nowNanos: now)
        if let replay { members.append(("replay", ReplayText.json(of: replay))) }
        let text = Messages.line(members)
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
