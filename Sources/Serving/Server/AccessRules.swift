/// The head of a request, as it came.
struct RequestHead: Sendable {
    /// `GET`, as the client wrote it.
    var method: String
    /// Path and query, as the client wrote them.
    var target: String
    /// Whether the client says that a body follows.
    var hasBody: Bool
    /// Names, in lower case, and values.
    var fields: [(name: String, value: String)]

    /// The values of a field.
    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    /// The value of a field that is there once.
    func value(_ name: String) -> String? {
        let all = values(name)
        return all.count == 1 ? all[0] : nil
    }

    /// The bytes of the names and values.
    var byteCount: Int {
        target.utf8.count + fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
    }
}

/// Whether a request may be answered at all: by whom it is made, and under which name.
///
/// A page that a browser loads from elsewhere must not reach this one through the user's machine:
/// names that a stranger can point at 127.0.0.1 are refused, so are other origins.
struct AccessRules: Sendable {
    /// Why a request is refused.
    struct Refusal: Error, Equatable {
        let status: UInt32
        /// The word in metrics.
        let reason: String
        let text: String

        init(_ status: UInt32, _ reason: String, _ text: String) {
            self.status = status
            self.reason = reason
            self.text = text
        }
    }

    static let headBytesMax = 8_192
    static let fieldsMax = 64

    private let port: UInt16
    private let own: Set<String>
    private let others: Set<String>
    private let token: [UInt8]?

    /// The rules of a server on a port.
    init(_ options: ServingOptions, port: UInt16) {
        self.port = port
        var own: Set<String> = ["localhost", "127.0.0.1", "[::1]"]
        if let address = options.address, address != "0.0.0.0", address != "::" {
            own.insert(address.contains(":") ? "[\(address.lowercased())]" : address.lowercased())
        }
        self.own = own
        others = Set(options.hosts.map { $0.lowercased() })
        token = options.token.map { Array($0.utf8) }
    }

    /// The cookie that carries the token; of its own for each port, as cookies know none.
    var cookie: String { "streamer_\(port)" }

    /// Checks everything but the token.
    ///
    /// - Throws: ``Refusal``.
    func check(_ head: RequestHead, isWebSocket: Bool) throws(Refusal) {
        guard head.fields.count <= Self.fieldsMax, head.byteCount <= Self.headBytesMax else {
            throw Refusal(431, "size", "the request's head is too large")
        }
        guard head.values("transfer-encoding").isEmpty, head.values("content-length").count <= 1,
            !head.hasBody
        else { throw Refusal(400, "body", "a request here has no body") }
        guard head.method == "GET" || head.method == "HEAD" else {
            throw Refusal(405, "method", "only GET and HEAD are answered: nothing here is changed")
        }
        guard head.values("host").count == 1, let text = head.value("host"),
            let host = HostName(text)
        else { throw Refusal(400, "host", "the request has no single, well-formed Host") }
        guard isKnown(host) else {
            throw Refusal(
                421, "host",
                "this page is not known under that name; --allow-host NAME lets it be")
        }
        if head.values("sec-fetch-site").contains("cross-site") {
            throw Refusal(403, "origin", "another site's page may not ask here")
        }
        let origins = head.values("origin")
        guard origins.isEmpty || origins.count == 1 && isOwn(origins[0], host) else {
            throw Refusal(403, "origin", "another site's page may not ask here")
        }
        // A browser says where a WebSocket comes from; a program need not.
        if isWebSocket, origins.isEmpty, !head.values("sec-fetch-site").isEmpty {
            throw Refusal(403, "origin", "a WebSocket of a page says its Origin")
        }
    }

    private func isKnown(_ host: HostName) -> Bool {
        if others.contains(host.name) { return true }
        return own.contains(host.name) && (host.port ?? 80) == port
    }

    private func isOwn(_ origin: String, _ host: HostName) -> Bool {
        let text = origin.lowercased()
        if text == "http://" + host.text { return true }
        guard others.contains(host.name) else { return false }
        return text == "https://" + host.text || text == "http://" + host.name
            || text == "https://" + host.name
    }

    // MARK: The token

    /// Whether a request carries the token, where one is needed.
    func isAuthorised(_ head: RequestHead) -> Bool {
        guard let token else { return true }
        var isKnown = false
        for value in head.values("authorization") where value.lowercased().hasPrefix("bearer ") {
            isKnown = isKnown || Self.isSame(Array(value.utf8.dropFirst(7)), token)
        }
        for value in head.values("cookie") {
            for part in value.split(separator: ";") {
                let pair = part.drop { $0 == " " }.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard pair.count == 2, pair[0] == cookie else { continue }
                isKnown = isKnown || Self.isSame(Array(pair[1].utf8), token)
            }
        }
        return isKnown
    }

    /// Whether a text is the token.
    func isToken(_ text: String) -> Bool {
        token.map { Self.isSame(Array(text.utf8), $0) } ?? false
    }

    /// Takes as long for any bytes of a length.
    private static func isSame(_ given: [UInt8], _ token: [UInt8]) -> Bool {
        var difference = given.count ^ token.count
        for index in token.indices {
            difference |= Int(token[index] ^ (index < given.count ? given[index] : 0))
        }
        return difference == 0
    }
}

/// A `Host` that is well-formed: a name or an address, and a port perhaps.
struct HostName {
    /// As it was written, in lower case.
    let text: String
    let name: String
    let port: UInt16?

    init?(_ written: String) {
        let text = written.lowercased()
        guard (1...255).contains(text.utf8.count) else { return nil }
        var name = Substring(text)
        var rest: Substring = ""
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            name = text[...end]
            rest = text[text.index(after: end)...]
            guard name.dropFirst().dropLast().utf8.allSatisfy(Self.isHexOrMark) else { return nil }
        } else if let colon = text.firstIndex(of: ":") {
            name = text[..<colon]
            rest = text[colon...]
        }
        if rest.isEmpty {
            port = nil
        } else {
            guard rest.first == ":", rest.utf8.dropFirst().allSatisfy(Self.isDigit),
                let number = UInt16(rest.dropFirst())
            else { return nil }
            port = number
        }
        guard !name.isEmpty, name.hasPrefix("[") || name.utf8.allSatisfy(Self.isNameByte) else {
            return nil
        }
        self.name = String(name)
        self.text = text
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isHexOrMark(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x66).contains(byte) || byte == 0x3A || byte == 0x2E
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E
            || byte == 0x5F
    }
}
