import Columnar

/// Finals of a query that somebody asks for, newest last.
struct HistoryRequest: Sendable {
    /// How they are written.
    enum Format: String, Sendable {
        case json, csv, arrow
    }

    static let limitUsual = 2_000
    static let limitMax = 10_000

    let query: ServedQuery
    /// Only rows of this symbol.
    let symbol: String?
    /// Only windows from this time on, ms.
    let fromMs: Int64?
    /// Only windows before this time, ms.
    let beforeMs: Int64?
    let limit: Int
    let format: Format
    /// Finals that are still in memory and fulfil all of this, oldest first.
    var kept: [(startMs: Int64, text: [UInt8])] = []
    /// How far the memory was when it was looked at: `"asOf":{…}`.
    var asOf = "{}"

    /// Reads the query of a request.
    ///
    /// - Throws: ``Fault`` in words.
    init(_ query: ServedQuery, _ parameters: [String: String]) throws(Fault) {
        self.query = query
        symbol = parameters["symbol"]
        if symbol != nil, query.symbolColumn == nil {
            throw Fault("the query \(query.name) has no symbols")
        }
        fromMs = try Self.time("from", parameters)
        let (to, before) = (try Self.time("to", parameters), try Self.time("before", parameters))
        beforeMs = [to, before].compactMap(\.self).min()
        if fromMs != nil || beforeMs != nil, query.timeColumn == nil {
            throw Fault("the rows of the query \(query.name) have no time")
        }
        limit = try Self.limit(parameters["limit"])
        guard let format = Format(rawValue: parameters["format"] ?? Format.json.rawValue) else {
            throw Fault("format is json, csv or arrow")
        }
        self.format = format
    }

    /// What is wrong with a request.
    struct Fault: Error {
        let sentence: String
        init(_ sentence: String) { self.sentence = sentence }
    }

    private static func time(
        _ name: String, _ parameters: [String: String]
    ) throws(Fault) -> Int64? {
        guard let text = parameters[name] else { return nil }
        // Milliseconds that fit into a timestamp of microseconds.
        guard let millis = Int64(text), millis.magnitude < UInt64(Int64.max) / 1_000 else {
            throw Fault("\(name) is a time in milliseconds since 1970")
        }
        return millis
    }

    private static func limit(_ text: String?) throws(Fault) -> Int {
        guard let text else { return limitUsual }
        guard let limit = Int(text), (1...limitMax).contains(limit) else {
            throw Fault("limit is a number from 1 to \(limitMax)")
        }
        return limit
    }

    /// Whether a time is wanted.
    func isWanted(_ startMs: Int64) -> Bool {
        (fromMs.map { startMs >= $0 } ?? true) && (beforeMs.map { startMs < $0 } ?? true)
    }
}
