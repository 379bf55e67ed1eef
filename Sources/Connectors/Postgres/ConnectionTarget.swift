import ConnectorAPI

/// Where a connection leads to, as libpq's keywords and values.
struct ConnectionTarget: Sendable {
    /// Keywords with their values, the password among them: never shown.
    let parameters: [(keyword: String, value: String?)]
    /// For people: `db:5432/market`, or `service market`.
    let place: String
    private let password: Secret?

    /// What a job's settings come to.
    ///
    /// - Parameters:
    ///   - address: where the job says the database is.
    ///   - settings: further keywords of the job, which come before those of the address.
    ///   - password: if the job has one; else libpq looks for it: `PGPASSWORD`, `.pgpass`, a
    ///     service file.
    ///   - job: names the connection in the server's lists.
    init(
        _ address: DatabaseAddress, settings: [(String, String)], password: Secret?, job: String
    ) {
        var values = address.parameters
        for (keyword, value) in settings { values[keyword] = value }
        if let password { values["password"] = password.value }
        // Dead peers are noticed: 10 s to connect, then 30 s without an answer to what was sent.
        let usual = [
            "connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "30000",
            "application_name": "streamer/\(job)",
        ]
        for (keyword, value) in usual where values[keyword] == nil { values[keyword] = value }
        values["client_encoding"] = "UTF8"
        parameters = values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        place = address.place
        self.password = password
    }

    /// A message of the library, in which a password that it might repeat is not shown.
    func withoutSecrets(_ message: String) -> String {
        guard let value = password?.value, !value.isEmpty else { return message }
        return message.replacing(value, with: "***")
    }
}

/// The address of a database as a job writes it, without user and password.
struct DatabaseAddress: Hashable, Sendable {
    /// libpq's keywords and their values.
    var parameters: [String: String]

    /// `db:5432/market`; the first of several hosts.
    var place: String {
        if let service = parameters["service"], parameters["host"] == nil {
            return "service \(service)"
        }
        let host = parameters["host"] ?? parameters["hostaddr"] ?? "localhost"
        let port = parameters["port"] ?? "5432"
        return "\(host):\(port)/\(parameters["dbname"] ?? "")"
    }

    /// The database by itself: it stays one when it moves to another host.
    var database: String { parameters["dbname"] ?? parameters["service"] ?? "" }

    /// Whether every host is this machine, so that nobody listens on the way.
    var isLoopback: Bool {
        let hosts = (parameters["host"] ?? parameters["hostaddr"] ?? "").split(separator: ",")
        return hosts.allSatisfy { host in
            host == "localhost" || host == "::1" || host.hasPrefix("127.") || host.hasPrefix("/")
        }
    }

    /// What an address cannot be, in a sentence that repeats none of it: it might hold a secret.
    struct Fault: Error { let message: String }

    private static let secretFault = Fault(
        message: "The URL has a user or a password in it; use the keys \"user\" and \"password\": "
            + "they are kept out of logs.")
    private static let shapeFault = Fault(
        message: "Expected jdbc:postgresql://host:port/database, postgresql://host:port/database "
            + "or \"host=… dbname=…\".")

    /// Reads an address: JDBC's URL, libpq's URL or libpq's keywords.
    init(parsing text: String) throws(Fault) {
        let jdbc = "jdbc:"
        let isJDBC = text.hasPrefix(jdbc)
        let url = isJDBC ? String(text.dropFirst(jdbc.count)) : text
        for scheme in ["postgresql:", "postgres:"] where url.hasPrefix(scheme) {
            try self.init(url: url.dropFirst(scheme.count), isJDBC: isJDBC)
            return
        }
        guard !isJDBC else { throw Self.shapeFault }
        try self.init(keywords: text)
    }

    // MARK: URLs

    private init(url: Substring, isJDBC: Bool) throws(Fault) {
        parameters = [:]
        let parts = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path = parts[0]
        if path.hasPrefix("//") {
            path = path.dropFirst(2)
            let end = path.firstIndex(of: "/") ?? path.endIndex
            try readHosts(path[..<end])
            path = path[end...].dropFirst()
        } else if !isJDBC || path.contains("/") {
            throw Self.shapeFault
        }
        // Whatever stands before an @ was meant as a user.
        guard !path.contains("@") else { throw Self.secretFault }
        if !path.isEmpty { parameters["dbname"] = try Self.decoded(path) }
        for pair in parts.dropFirst().first?.split(separator: "&") ?? [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else { throw Self.shapeFault }
            let (name, value) = (String(sides[0]), try Self.decoded(sides[1]))
            try isJDBC && Self.ofJDBC[name] != nil
                ? setJDBC(name, value) : set(name, value)
        }
    }

    private mutating func readHosts(_ text: Substring) throws(Fault) {
        guard !text.contains("@") else { throw Self.secretFault }
        guard !text.isEmpty else { return }
        var hosts: [String] = []
        var ports: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            var host = part
            var port: Substring = "5432"
            if host.hasPrefix("[") {
                guard let close = host.firstIndex(of: "]") else { throw Self.shapeFault }
                let rest = host[host.index(after: close)...]
                host = host[host.index(after: host.startIndex)..<close]
                if rest.hasPrefix(":") {
                    port = rest.dropFirst()
                } else if !rest.isEmpty {
                    throw Self.shapeFault
                }
            } else if let colon = host.firstIndex(of: ":") {
                port = host[host.index(after: colon)...]
                host = host[..<colon]
            }
            guard let number = UInt16(port), number > 0 else {
                throw Fault(message: "The URL has a port that is no number from 1 to 65535.")
            }
            hosts.append(try Self.decoded(host))
            ports.append(String(number))
        }
        parameters["host"] = hosts.joined(separator: ",")
        parameters["port"] = ports.joined(separator: ",")
    }

    /// Bytes written as `%41`.
    private static func decoded(_ text: Substring) throws(Fault) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(validating: rest.prefix(2), as: UTF8.self),
                digits.count == 2, let value = UInt8(digits, radix: 16), value != 0
            else { throw shapeFault }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw shapeFault }
        return decoded
    }

    // MARK: Parameters

    /// libpq's keywords that mean something here.
    private static let known: Set<String> = [
        "host", "hostaddr", "port", "dbname", "service", "passfile", "sslmode", "sslrootcert",
        "sslcert", "sslkey", "sslcrl", "sslsni", "ssl_min_protocol_version", "channel_binding",
        "gssencmode", "krbsrvname", "target_session_attrs", "load_balance_hosts", "require_auth",
        "application_name", "connect_timeout", "keepalives", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "tcp_user_timeout",
    ]
    /// Parameters of PostgreSQL's JDBC driver, with libpq's keyword for each.
    private static let ofJDBC = [
        "ssl": "sslmode", "ApplicationName": "application_name",
        "connectTimeout": "connect_timeout", "loginTimeout": "connect_timeout",
        "tcpKeepAlive": "keepalives", "targetServerType": "target_session_attrs",
    ]
    private static let secrets: Set<String> = ["user", "password", "sslpassword"]

    private mutating func setJDBC(_ name: String, _ value: String) throws(Fault) {
        switch (name, value) {
        // As the driver does since its version 42.2.5.
        case ("ssl", "true"): parameters["sslmode"] = parameters["sslmode"] ?? "verify-full"
        case ("ssl", "false"): break
        case ("targetServerType", "primary"), ("targetServerType", "master"):
            parameters["target_session_attrs"] = "read-write"
        case ("targetServerType", "any"): break
        case ("tcpKeepAlive", "true"): parameters["keepalives"] = "1"
        case ("tcpKeepAlive", "false"): parameters["keepalives"] = "0"
        case ("connectTimeout", _), ("loginTimeout", _), ("ApplicationName", _):
            try set(Self.ofJDBC[name] ?? name, value)
        default:
            throw Fault(message: "The URL's parameter \"\(name)\" cannot have that value.")
        }
    }

    private mutating func set(_ name: String, _ value: String) throws(Fault) {
        guard !Self.secrets.contains(name) else { throw Self.secretFault }
        guard Self.known.contains(name), !value.utf8.contains(0) else {
            throw Fault(
                message: "The URL has a parameter that is not known here. Known are: "
                    + (Self.known.union(Self.ofJDBC.keys)).sorted().joined(separator: ", ") + ".")
        }
        parameters[name] = value
    }

    // MARK: Keywords

    /// `host=db dbname='my market'`: values in quotes may have spaces, `\` escapes.
    private init(keywords text: String) throws(Fault) {
        parameters = [:]
        var rest = Substring(text)
        while true {
            rest = rest.drop(while: \.isWhitespace)
            if rest.isEmpty { break }
            guard let equals = rest.firstIndex(of: "=") else { throw Self.shapeFault }
            let name = rest[..<equals].filter { !$0.isWhitespace }
            rest = rest[rest.index(after: equals)...].drop(while: \.isWhitespace)
            try set(name, Self.value(&rest))
        }
        guard !parameters.isEmpty else { throw Self.shapeFault }
    }

    private static func value(_ rest: inout Substring) throws(Fault) -> String {
        var value = ""
        let isQuoted = rest.first == "'"
        if isQuoted { rest.removeFirst() }
        while let character = rest.popFirst() {
            if character == "\\" {
                guard let next = rest.popFirst() else { throw shapeFault }
                value.append(next)
            } else if isQuoted && character == "'" {
                return value
            } else if !isQuoted && character.isWhitespace {
                return value
            } else {
                value.append(character)
            }
        }
        guard !isQuoted else { throw shapeFault }
        return value
    }
}
