import JSON

// What is answered under which path. A path is looked up here and nowhere else: nothing of a request
// becomes the name of a file.
extension PageServer {
    func reply(to head: RequestHead, on connection: HTTPConnection) -> HTTPReply {
        let isWebSocket = head.values("upgrade").contains { $0.lowercased() == "websocket" }
        do throws(AccessRules.Refusal) {
            try rules.check(head, isWebSocket: isWebSocket)
        } catch {
            return refuse(error)
        }
        guard let target = RequestTarget(head.target) else { return .answer(.notFound) }
        if let given = target.query["token"] { return signIn(given, target) }
        guard rules.isAuthorised(head) else {
            serving.refuse("token")
            var answer = HTTPAnswer.text(
                401, "a token is needed: Authorization: Bearer TOKEN, or once /?token=TOKEN")
            answer.fields = [("WWW-Authenticate", "Bearer")]
            return .answer(answer)
        }
        switch target.path.first {
        case "live" where target.path.count == 1: return openSocket(head, isWebSocket)
        case "events" where target.path.count == 1: return openStream(head, target, connection)
        case "api": return api(target, connection)
        default: return .answer(answer(target, head))
        }
    }

    private func refuse(_ refusal: AccessRules.Refusal) -> HTTPReply {
        serving.refuse(refusal.reason)
        var answer = HTTPAnswer.text(refusal.status, refusal.text, closes: true)
        if refusal.status == 405 { answer.fields.append(("Allow", "GET, HEAD")) }
        return .answer(answer)
    }

    /// The token in an address becomes a cookie, and leaves the address.
    private func signIn(_ given: String, _ target: RequestTarget) -> HTTPReply {
        guard rules.isToken(given) else {
            serving.refuse("token")
            return .answer(.text(401, "that is not the token"))
        }
        var answer = HTTPAnswer.text(303, "signed in")
        let cookie = "\(rules.cookie)=\(given); HttpOnly; SameSite=Strict; Path=/"
        answer.fields = [("Location", "/"), ("Set-Cookie", cookie)]
        return .answer(answer)
    }

    private func answer(_ target: RequestTarget, _ head: RequestHead) -> HTTPAnswer {
        let tags = head.values("if-none-match")
        switch target.path {
        case []:
            guard Assets.hasPage else { return .text(503, Assets.missing) }
            return Assets.answer("index.html", knownTags: tags) ?? .notFound
        case ["healthz"]: return health
        case ["readyz"]: return readiness
        case ["metrics"]:
            return HTTPAnswer(
                type: "text/plain; version=0.0.4; charset=utf-8",
                body: Array(MetricsText.all(facts, serving, version: job.version).utf8))
        case ["progress"]: return progress(target)
        case ["favicon.ico"]: return Assets.answer("icon.svg", knownTags: tags) ?? .notFound
        case ["licenses"]: return Assets.answer("licenses.txt", knownTags: tags) ?? .notFound
        default:
            guard target.path.count == 2, target.path[0] == "a" else { return .notFound }
            return Assets.answer(target.path[1], knownTags: tags) ?? .notFound
        }
    }

    private func progress(_ target: RequestTarget) -> HTTPAnswer {
        var limit = RunFacts.progressMax
        if let text = target.query["limit"] {
            guard let number = Int(text), (1...RunFacts.progressMax).contains(number) else {
                return .fault(400, "limit is a number from 1 to \(RunFacts.progressMax)")
            }
            limit = number
        }
        let entries = facts.progress.suffix(limit).joined(separator: ",\n")
        return .json(Array("[\(entries)]\n".utf8))
    }

    // MARK: /api

    private func api(_ target: RequestTarget, _ connection: HTTPConnection) -> HTTPReply {
        switch (target.path.count, target.path.dropFirst().first) {
        case (2, "jobs"): return .answer(.json(jobs))
        case (2, "symbols"): return .answer(symbols(target))
        case (2, "doctor"): return .answer(.json(DoctorText(self).json))
        case (3, "queries"): return query(target, connection)
        default: return .answer(.notFound)
        }
    }

    private var jobs: JSONValue {
        .object([
            ("job", .string(job.name)), ("run", .string(run)),
            ("runId", facts.runID.map { .string($0) } ?? .null),
            ("trigger", .string(job.trigger)), ("version", .string(job.version)),
            ("state", .string(facts.state.rawValue)), ("engine", .bool(job.hasEngine)),
            ("sources", .array(job.sources.map { .string($0) })),
            ("queries", .array(hub.queries.map(\.json))), ("text", .string(job.text)),
        ])
    }

    private func symbols(_ target: RequestTarget) -> HTTPAnswer {
        let part = target.query["q"]?.lowercased() ?? ""
        let found = table.symbols.filter { part.isEmpty || $0.lowercased().contains(part) }.sorted()
        return .json(
            .object([
                ("symbols", .array(found.prefix(50).map { .string($0) })),
                ("count", .integer(found.count)),
            ]))
    }

    private func query(_ target: RequestTarget, _ connection: HTTPConnection) -> HTTPReply {
        guard let index = hub.queries.firstIndex(where: { $0.name == target.path[2] }) else {
            let names = hub.queries.map(\.name).joined(separator: ", ")
            return .answer(.fault(404, "there is no such query; there are: \(names)"))
        }
        var request: HistoryRequest
        do throws(HistoryRequest.Fault) {
            request = try HistoryRequest(hub.queries[index], target.query)
        } catch {
            return .answer(.fault(400, error.sentence))
        }
        request.kept = table.finals(of: index, symbol: request.symbol)
            .filter { request.query.timeColumn == nil || request.isWanted($0.start) }
            .map { ($0.start, $0.text) }
        request.asOf =
            "{\"run\":\"\(run)\",\"seq\":\(table.sequence),"
            + "\"batch\":\(facts.lastBatch.map(String.init) ?? "null")}"
        let number = newNumber()
        guard history.add(request, number: number) else {
            serving.refuse("busy")
            var answer = HTTPAnswer.fault(503, "too many ask for history; again in a moment")
            answer.fields.append(("Retry-After", "1"))
            return .answer(answer)
        }
        waiting[number] = connection
        return .later
    }
}
