import Testing

@testable import Serving

/// What a request may be, before anything is answered.
@Suite struct RequestTests {
    static let rules = AccessRules(ServingOptions(port: 8050), port: 8050)

    static func head(
        _ fields: [(String, String)], method: String = "GET", hasBody: Bool = false
    ) -> RequestHead {
        RequestHead(
            method: method, target: "/", hasBody: hasBody,
            fields: fields.map { (name: $0.0, value: $0.1) })
    }

    @Test(arguments: [
        "/", "/healthz", "/a/page.js", "/api/queries/candles?symbol=A%2FB&limit=5", "/a/%41",
    ])
    func wellFormedTargets(target: String) {
        #expect(RequestTarget(target) != nil)
    }

    @Test(arguments: [
        "", "*", "http://x/", "//", "/a//b", "/a/", "/..", "/a/../b", "/%2e%2e", "/a%2fb", "/a\\b",
        "/a%5cb", "/%00", "/%", "/%4", "/%zz", "/a#b", "/a b", "/\u{e9}", "/%ff", "/.",
    ])
    func otherTargets(target: String) {
        #expect(RequestTarget(target) == nil)
    }

    @Test func targetsAreDecodedOnce() throws {
        let target = try #require(RequestTarget("/a/%2541?q=a%26b+c&q=other&empty"))
        #expect(target.path == ["a", "%41"])
        #expect(target.query == ["q": "a&b c", "empty": ""])
    }

    @Test(arguments: ["localhost:8050", "127.0.0.1:8050", "[::1]:8050", "LocalHost:8050"])
    func ownNames(host: String) throws {
        try Self.rules.check(Self.head([("host", host)]), isWebSocket: false)
    }

    @Test(
        arguments: [
            ("evil.example", 421), ("localhost", 421), ("localhost:80", 421),
            ("127.0.0.1.evil:8050", 421),
            ("", 400), ("[::1", 400), ("[::1]x", 400), ("a:b:c", 400), ("a b", 400),
            ("localhost:", 400),
            ("localhost:-1", 400), ("localhost:+8050", 400), ("localhost:99999", 400),
        ] as [(String, UInt32)])
    func otherNames(host: String, status: UInt32) {
        let refusal = #expect(throws: AccessRules.Refusal.self) {
            try Self.rules.check(Self.head([("host", host)]), isWebSocket: false)
        }
        #expect(refusal?.status == status)
    }

    @Test func aWebSocketOfAPageSaysItsOrigin() throws {
        let host = ("host", "localhost:8050")
        try Self.rules.check(Self.head([host]), isWebSocket: true)
        try Self.rules.check(
            Self.head([host, ("origin", "http://localhost:8050")]), isWebSocket: true)
        for origin in [
            "http://localhost:1", "https://localhost:8050", "null", "http://127.0.0.1:8050",
        ] {
            #expect(throws: AccessRules.Refusal.self) {
                try Self.rules.check(Self.head([host, ("origin", origin)]), isWebSocket: true)
            }
        }
        #expect(throws: AccessRules.Refusal.self) {
            try Self.rules.check(
                Self.head([host, ("sec-fetch-site", "same-origin")]), isWebSocket: true)
        }
    }

    @Test func aTokenIsNeededWhereThereIsOne() {
        let token = "abcdefghijklmnopqrstuvwxyz"
        let rules = AccessRules(ServingOptions(port: 1, token: token), port: 1)
        #expect(!rules.isAuthorised(Self.head([])))
        #expect(rules.isAuthorised(Self.head([("authorization", "Bearer \(token)")])))
        #expect(!rules.isAuthorised(Self.head([("authorization", "Bearer \(token)x")])))
        #expect(rules.isAuthorised(Self.head([("cookie", "a=b; streamer_1=\(token)")])))
        #expect(!rules.isAuthorised(Self.head([("cookie", "streamer_2=\(token)")])))
        #expect(!rules.isAuthorised(Self.head([("cookie", "streamer_1=")])))
    }

    @Test func otherMachinesNeedAToken() throws {
        #expect(throws: ServingError.self) {
            try ServingOptions(port: 0, address: "0.0.0.0").check()
        }
        #expect(throws: ServingError.self) { try ServingOptions(port: 0, token: "short").check() }
        #expect(throws: ServingError.self) {
            try ServingOptions(port: 0, token: String(repeating: "a b", count: 20)).check()
        }
        try ServingOptions(
            port: 0, address: "0.0.0.0", token: String(repeating: "a", count: 32)
        ).check()
    }

    @Test func theHandshakeOfTheStandard() {
        // RFC 6455, section 1.3.
        #expect(webSocketAccept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }
}
