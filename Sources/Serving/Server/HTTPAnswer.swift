import JSON

/// What a request is answered with.
struct HTTPAnswer: Sendable {
    var status: UInt32 = 200
    var type = "text/plain; charset=utf-8"
    var fields: [(String, String)] = []
    var body: [UInt8] = []
    /// Whether the connection ends behind it.
    var closes = false

    /// What every answer says: nothing of another origin may use it, and nothing in it is run.
    static let securityFields: [(String, String)] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                + "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                + "require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
        ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
    ]

    /// All fields of the head.
    var allFields: [(String, String)] {
        var all = [("Content-Type", type)] + fields + Self.securityFields
        if !fields.contains(where: { $0.0 == "Cache-Control" }) {
            all.append(("Cache-Control", "no-store"))
        }
        if closes { all.append(("Connection", "close")) }
        return all
    }

    /// A line of text.
    static func text(_ status: UInt32, _ line: String, closes: Bool = false) -> HTTPAnswer {
        HTTPAnswer(status: status, body: Array((line + "\n").utf8), closes: closes)
    }

    /// A JSON document.
    static func json(_ value: JSONValue, status: UInt32 = 200) -> HTTPAnswer {
        json(Array((value.text() + "\n").utf8), status: status)
    }

    /// A JSON document that is text already.
    static func json(_ text: [UInt8], status: UInt32 = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, type: "application/json", body: text)
    }

    /// A fault as a JSON document, and what would be right.
    static func fault(_ status: UInt32, _ sentence: String) -> HTTPAnswer {
        json(.object([("error", .string(sentence))]), status: status)
    }

    static let notFound = HTTPAnswer.text(404, "there is nothing under this path; begin at /")
}
