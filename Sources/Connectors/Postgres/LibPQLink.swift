import Glibc

/// A connection by libpq.
@safe
final class LibPQLink: SQLLink {
    // Values of libpq-fe.h.
    private static let connectionOK: Int32 = 0
    private static let (commandOK, tuplesOK, copyIn): (Int32, Int32, Int32) = (1, 2, 4)
    private static let inTransaction: Int32 = 2
    /// Codes of fields of an error: postgres_ext.h.
    private enum Field: Unicode.Scalar {
        case code = "C"
        case message = "M"
        case detail = "D"
        case hint = "H"
        case context = "W"
        case column = "c"
        case constraint = "n"
    }

    private let library: LibPQ
    private var connection: LibPQ.Connection?
    let place: String
    let serverVersion: Int

    /// Connects.
    ///
    /// - Throws: a fault whose message has no secret: what libpq says of a whole connection string
    ///   is never in it, since there is none, only keywords and values.
    init(_ library: LibPQ, _ target: ConnectionTarget) throws(PostgresFault) {
        self.library = library
        place = target.place
        let keywords = CStrings(target.parameters.map { $0.keyword })
        let values = CStrings(target.parameters.map { $0.value })
        let made = unsafe keywords.withPointer { keywords in
            unsafe values.withPointer { values in unsafe library.connect(keywords, values, 0) }
        }
        guard let connection = unsafe made else {
            serverVersion = 0
            throw PostgresFault(code: nil, message: "no memory for a connection")
        }
        serverVersion = Int(unsafe library.serverVersion(connection))
        guard unsafe library.status(connection) == Self.connectionOK else {
            let message = unsafe target.withoutSecrets(
                Self.text(unsafe library.errorMessage(connection)))
            unsafe library.finish(connection)
            throw PostgresFault(
                code: Self.code(ofConnecting: message), message: PostgresFault.line(message),
                isConnectionLost: true)
        }
        unsafe self.connection = unsafe connection
        // Notices, such as that a table exists, would go to standard error.
        _ = unsafe library.setNoticeProcessor(connection, { _, _ in }, nil)
    }

    deinit { close() }

    func close() {
        if let connection = unsafe connection { unsafe library.finish(connection) }
        unsafe connection = nil
    }

    var isUsable: Bool {
        unsafe connection != nil && library.status(connection) == Self.connectionOK
    }

    var isInTransaction: Bool {
        guard isUsable else { return false }
        return unsafe library.transactionStatus(connection) == Self.inTransaction
    }

    func run(_ sql: String, _ parameters: [String?]) throws(PostgresFault) -> SQLResult {
        guard isUsable else { throw lost }
        let reply: LibPQ.Reply?
        if parameters.isEmpty {
            unsafe reply = unsafe library.run(connection, sql)
        } else {
            unsafe reply = CStrings(parameters).withPointer { values in
                unsafe library.runWithParameters(
                    connection, sql, Int32(parameters.count), nil, values, nil, nil, 0)
            }
        }
        return unsafe try result(reply)
    }

    func beginCopy(_ sql: String) throws(PostgresFault) {
        guard isUsable else { throw lost }
        let reply = unsafe library.run(connection, sql)
        guard unsafe library.replyStatus(reply) == Self.copyIn else {
            _ = unsafe try result(reply)
            throw PostgresFault(code: nil, message: "the server did not begin to copy")
        }
        unsafe library.clear(reply)
    }

    func put(_ bytes: UnsafeRawBufferPointer) throws(PostgresFault) {
        let sent = unsafe library.putCopyData(
            connection, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
            Int32(clamping: bytes.count))
        if sent != 1 { throw lost }
    }

    func endCopy() throws(PostgresFault) -> SQLResult {
        guard unsafe library.putCopyEnd(connection, nil) == 1 else { throw lost }
        let reply = unsafe library.nextReply(connection)
        let found = Result { () throws(PostgresFault) in unsafe try result(reply) }
        while let more = unsafe library.nextReply(connection) { unsafe library.clear(more) }
        return try found.get()
    }

    /// What a reply says; it is given back to the library.
    private func result(_ reply: LibPQ.Reply?) throws(PostgresFault) -> SQLResult {
        guard let reply = unsafe reply else { throw lost }
        defer { unsafe library.clear(reply) }
        let status = unsafe library.replyStatus(reply)
        guard status == Self.commandOK || status == Self.tuplesOK else { throw unsafe fault(reply) }
        var rows: [[String?]] = []
        let columns = unsafe library.columnCount(reply)
        let count = unsafe library.rowCount(reply)
        for row in 0..<count {
            rows.append(
                (0..<columns).map { column in
                    unsafe library.isNull(reply, row, column) == 1
                        ? nil : Self.text(unsafe library.value(reply, row, column))
                })
        }
        return unsafe SQLResult(tag: Self.text(unsafe library.commandTag(reply)), rows: rows)
    }

    private func fault(_ reply: LibPQ.Reply) -> PostgresFault {
        let field = { [library] (field: Field) -> String? in
            let text = unsafe library.replyField(reply, Int32(field.rawValue.value))
            return unsafe text == nil ? nil : PostgresFault.line(Self.text(unsafe text))
        }
        return unsafe PostgresFault(
            code: field(.code),
            message: field(.message)
                ?? PostgresFault.line(Self.text(unsafe library.replyMessage(reply))),
            detail: field(.detail), hint: field(.hint), column: field(.column),
            constraint: field(.constraint), context: field(.context),
            isConnectionLost: !isUsable)
    }

    private var lost: PostgresFault {
        let message =
            unsafe connection == nil ? "" : Self.text(unsafe library.errorMessage(connection))
        return PostgresFault(
            code: nil,
            message: message.isEmpty ? "the connection is lost" : PostgresFault.line(message),
            isConnectionLost: true)
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
        guard let pointer = unsafe pointer else { return "" }
        return unsafe String(cString: pointer)
    }

    /// libpq has no field for the code of a refused connection; these are told by their words, in
    /// English, which the server speaks before anybody is logged in unless it is set otherwise.
    private static func code(ofConnecting message: String) -> String? {
        let known = [
            ("the database system is starting up", "57P03"),
            ("the database system is shutting down", "57P03"),
            ("the database system is in recovery mode", "57P03"),
            ("too many clients", "53300"), ("too many connections", "53300"),
            ("remaining connection slots are reserved", "53300"),
            ("password authentication failed", "28P01"), ("no password supplied", "28P01"),
            ("no pg_hba.conf entry", "28000"), ("does not exist", "3D000"),
            ("permission denied for database", "42501"),
        ]
        return known.first { message.contains($0.0) }?.1
    }
}

/// Texts as C takes them: an array of pointers, the last one null.
@safe
private final class CStrings {
    private let memory: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>
    private let view: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>

    init(_ texts: [String?]) {
        unsafe memory = .allocate(capacity: texts.count)
        unsafe view = .allocate(capacity: texts.count + 1)
        unsafe view.initialize(repeating: nil)
        for (index, text) in texts.enumerated() {
            let copy = unsafe text.flatMap { unsafe strdup($0) }
            unsafe memory.initializeElement(at: index, to: copy)
            unsafe view[index] = copy.map { unsafe UnsafePointer($0) }
        }
    }

    deinit {
        for index in unsafe memory.indices { unsafe free(memory[index]) }
        unsafe memory.deallocate()
        unsafe view.deallocate()
    }

    /// Gives the array, which stays as long as the call.
    func withPointer<Result>(_ body: (LibPQ.Texts?) -> Result) -> Result {
        withExtendedLifetime(self) { unsafe body(UnsafePointer(view.baseAddress)) }
    }
}
