import JSON

// Clients that follow: how they come, and what they may say.
extension PageServer {
    /// The first message to a page: what there is.
    var hello: [UInt8] {
        Messages.line([
            ("t", "hello"), ("v", .integer(Messages.version)), ("run", .string(run)),
            ("seq", .integer(Int64(table.sequence))), ("job", .string(job.name)),
            ("engine", .bool(job.hasEngine)),
            ("queries", .array(hub.queries.map(\.json))),
            ("symbols", .integer(table.symbols.count)),
            ("replay", replay.map { ReplayText.json(of: $0) } ?? .null),
        ])
    }

    func openSocket(_ head: RequestHead, _ isWebSocket: Bool) -> HTTPReply {
        guard isWebSocket, head.method == "GET",
            head.values("connection").joined(separator: ",").lowercased().contains("upgrade"),
            head.value("sec-websocket-version") == "13",
            let key = head.value("sec-websocket-key"), key.utf8.count == 24
        else {
            var answer = HTTPAnswer.text(426, "a WebSocket of version 13 is answered here")
            answer.fields = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
            return .answer(answer)
        }
        guard peers.count + streams.count < Self.clientsMax else { return full() }
        return .webSocket(accept: webSocketAccept(key))
    }

    private func full() -> HTTPReply {
        serving.refuse("limit")
        var answer = HTTPAnswer.text(503, "as many follow already as may; again in a while")
        answer.fields.append(("Retry-After", "10"))
        return .answer(answer)
    }

    /// Server-sent events of one query, or of all, from a sequence number on.
    func openStream(
        _ head: RequestHead, _ target: RequestTarget, _ connection: HTTPConnection
    ) -> HTTPReply {
        guard peers.count + streams.count < Self.clientsMax else { return full() }
        var wanted: [(query: Int, symbols: Set<String>?)] = hub.queries.indices.map { ($0, nil) }
        if let name = target.query["q"] {
            guard let query = hub.queries.firstIndex(where: { $0.name == name }) else {
                return .answer(.fault(404, "there is no query '\(name)'"))
            }
            wanted = [(query, target.query["symbol"].map { [$0] })]
        }
        let since: UInt64?
        do throws(HistoryRequest.Fault) {
            since = try resumption(head.value("last-event-id") ?? target.query["since"])
        } catch {
            return .answer(.fault(400, error.sentence))
        }
        let stream = EventStream(connection, run: run)
        stream.begin(
            hello, sequence: table.sequence,
            isReset: since == nil && isResuming(head, target))
        stream.follower.follow(
            wanted.map {
                Follower.Subscription(
                    query: $0.query, symbols: $0.symbols, pauseNanos: 0, sent: since)
            })
        for subscription in stream.follower.subscriptions { hub.watch(subscription.query, 1) }
        streams.append(stream)
        serving.liveClients = peers.count + streams.count
        return .events(stream)
    }

    private func isResuming(_ head: RequestHead, _ target: RequestTarget) -> Bool {
        head.value("last-event-id") != nil || target.query["since"] != nil
    }

    /// How far a client has seen, which says `RUN.SEQUENCE`; nil where it begins anew, as after
    /// another run.
    ///
    /// - Throws: when it is not such a text.
    private func resumption(_ text: String?) throws(HistoryRequest.Fault) -> UInt64? {
        guard let text, !text.isEmpty else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = UInt64(parts[1]), parts[0].utf8.count <= 32,
            parts[0].utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
        else { throw HistoryRequest.Fault("since is RUN.SEQUENCE, as ids of events are") }
        return parts[0] == run && sequence <= table.sequence ? sequence : nil
    }

    /// Does what a client's message asks for; a client that says something else is let go.
    func obey(_ text: [UInt8], _ peer: WebSocketPeer) {
        guard let message = try? JSONValue.parse(text), message.members != nil else {
            peer.close(1008, "a message is a JSON object")
            return
        }
        if let sequence = message["a"]?.int64Value, sequence >= 0 {
            peer.acknowledge(UInt64(sequence))
        } else if let wanted = message["sub"]?.elements {
            follow(wanted, peer)
        } else if let replay, let wanted = message["replay"] {
            if let why = ReplayText.obey(wanted, replay) {
                peer.send(
                    Messages.line([
                        ("t", "notice"), ("level", "warn"), ("text", .string(why)),
                    ]), sequence: 0)
            }
            // How it then stands is told at once.
            statusAtNanos = 0
        } else {
            peer.close(1008, "a message subscribes or acknowledges")
        }
    }

    /// Looks at what a message names from now on.
    ///
    /// `{"sub":[{"q":"candles","symbols":["IBM"],"ms":0,"since":"RUN.SEQ"}]}`
    private func follow(_ wanted: [JSONValue], _ peer: WebSocketPeer) {
        var subscriptions: [Follower.Subscription] = []
        for item in wanted.prefix(Follower.subscriptionsMax) {
            guard let name = item["q"]?.stringValue,
                let query = hub.queries.firstIndex(where: { $0.name == name })
            else {
                // A page of another run may know queries that are no more.
                peer.follower.mustReset = true
                continue
            }
            let sent: UInt64?
            do throws(HistoryRequest.Fault) {
                let since = item["since"]?.stringValue
                sent = try resumption(since)
                if since != nil, sent == nil { peer.follower.mustReset = true }
            } catch {
                peer.close(1008, "since is RUN.SEQUENCE")
                return
            }
            let symbols = item["symbols"]?.elements.map { Set($0.compactMap(\.stringValue)) }
            let pause = UInt64(max(0, min(item["ms"]?.int64Value ?? 0, 60_000))) * 1_000_000
            subscriptions.append(
                Follower.Subscription(
                    query: query, symbols: symbols, pauseNanos: pause, sent: sent))
        }
        for subscription in subscriptions { hub.watch(subscription.query, 1) }
        unwatch(peer.follower)
        peer.follower.follow(subscriptions)
    }
}
