import Columnar
import ConnectorAPI
import Expressions
import JSON
import Settings

/// What a job says of a table of a PostgreSQL database.
struct PostgresSinkSpec: SinkSpec {
    static let word = "postgres"

    let url: String
    let dbtable: String
    let schema: String?
    let user: String?
    /// As the job writes it: `${NAME}`.
    let password: String?
    var keys: [String]
    /// Whether no two rows of a batch have one key, as the query's groups see to.
    private(set) var keysAreUnique = false
    let createsTable: Bool
    let columnTypes: String?
    let hypertable: Hypertable?
    let truncates: Bool
    let rejectsRows: Bool
    let rejects: String?
    let rejectsMax: Int
    let batchsize: Int
    let isolation: String
    let queryTimeoutMs: Int64
    let lockTimeoutMs: Int64
    let retryTimeoutMs: Int64
    /// libpq's keywords.
    let tls: [(String, String)]

    init(_ object: SettingsReader) {
        url = object.string("url")
        dbtable = object.string("dbtable")
        schema = object.optionalString("schema")
        user = object.optionalString("user")
        password = object.optionalString("password")
        keys = object.optionalStrings("keys")
        createsTable = object.bool("createTable")
        columnTypes = object.optionalString("createTableColumnTypes")
        hypertable = object.optionalObject("hypertable").map {
            Hypertable(
                timeColumn: $0.string("timeColumn"), chunkInterval: $0.string("chunkInterval"))
        }
        truncates = object.bool("truncate")
        rejectsRows = object.string("onError") == "reject"
        rejects = object.optionalString("rejects")
        rejectsMax = object.int("maxRejects")
        batchsize = object.int("batchsize")
        isolation = object.string("isolationLevel")
        queryTimeoutMs = object.integer("queryTimeout") * 1_000
        lockTimeoutMs = object.durationMicros("lockTimeout") / 1_000
        retryTimeoutMs = object.durationMicros("retryTimeout") / 1_000
        tls = ["sslmode", "sslrootcert", "sslcert", "sslkey"].compactMap { key in
            object.optionalString(key).map { (key, $0) }
        }
    }

    var word: String { Self.word }
    /// Older batches cannot be told apart in the table.
    var history: SinkHistory { .newestBatch }

    /// The table, with the schema that the job gives it.
    var target: TableName? {
        guard let name = try? TableName(parsing: dbtable) else { return nil }
        return TableName(schema: name.schema ?? schemaName, table: name.table)
    }

    private var schemaName: String? {
        schema.flatMap { try? TableName(parsing: $0) }.flatMap { $0.schema == nil ? $0.table : nil }
    }

    /// The database and the table; not the host, which may become another when a database moves.
    private var placeName: String {
        let database = (try? DatabaseAddress(parsing: url))?.database ?? ""
        return "\(Self.word):\(database).\(target?.text ?? dbtable)"
    }

    var owns: [OwnedPlace] { [OwnedPlace(.external(placeName), at: .here["dbtable"])] }

    var summary: String {
        let place = (try? DatabaseAddress(parsing: url))?.place ?? "?"
        return "\(Self.word) \(target?.text ?? "?") at \(place)"
            + (keys.isEmpty ? "" : ", keys \(keys.joined(separator: ", "))")
            + (hypertable.map { ", hypertable by \($0.timeColumn)" } ?? "")
            + (rejectsRows ? ", bad rows rejected" : "")
    }

    var exported: ExportedSink {
        .refused(
            "Spark's JDBC writer has no transaction for a batch, so that a restart writes rows "
                + "again; give the query a parquet sink, which Spark writes exactly once")
    }

    // MARK: Opening

    func open(_ place: SinkPlace) throws(ConnectorError) -> any Sink {
        try connectorErrors { () throws -> any Sink in
            guard let target, let address = try? DatabaseAddress(parsing: url) else {
                preconditionFailure("a table and a URL that were checked")
            }
            var secret: Secret?
            if let password {
                secret = Secret(written: password, lookUp: place.run.secrets)
                if secret == nil {
                    throw ConnectorError(
                        "noPassword",
                        "the variable that \"password\" names is not set; set it, or leave "
                            + "\"password\" out and use PGPASSWORD, .pgpass or a service file",
                        at: "\(Self.word) \(target.text)", fault: .settings)
                }
            }
            let library = try LibPQ.open()
            let connection = ConnectionTarget(
                address, settings: tls + (user.map { [("user", $0)] } ?? []), password: secret,
                job: place.job)
            return PostgresSink(
                self, place, target, address,
                id: SinkID(query: place.owner.query, place: "\(Self.word):\(target.text)")
            ) { () throws(PostgresFault) -> any SQLLink in try LibPQLink(library, connection) }
        }
    }
}

// MARK: Checks

extension PostgresSinkSpec {
    mutating func check(_ query: QueryShape, _ faults: inout SettingFaults) {
        checkPlaces(&faults)
        if isolation == "NONE" {
            faults.note(
                .badValue,
                "\"NONE\" has no transactions, and without them a restart loses or doubles rows; "
                    + "leave the key out.", at: .here["isolationLevel"])
        }
        for field in query.schema.fields {
            if let fault = TableName.fault(in: field.name) {
                faults.note(.badValue, "Column: \(fault)", at: .here)
            }
        }
        if let columnTypes {
            do {
                let named = try ColumnTypes(parsing: columnTypes).types
                for name in named.keys.sorted() {
                    query.require(name, &faults, at: .here["createTableColumnTypes"])
                }
            } catch {
                faults.note(.badValue, error.message, at: .here["createTableColumnTypes"])
            }
        }
        checkKeys(query, &faults)
        checkHypertable(query, &faults)
    }

    private func checkPlaces(_ faults: inout SettingFaults) {
        do { _ = try DatabaseAddress(parsing: url) } catch {
            faults.note(.badValue, error.message, at: .here["url"])
        }
        do {
            let name = try TableName(parsing: dbtable)
            if name.schema != nil, schema != nil {
                faults.note(
                    .badValue, "The schema stands in \"dbtable\" already; leave one of them out.",
                    at: .here["schema"])
            }
        } catch { faults.note(.badValue, error.message, at: .here["dbtable"]) }
        if schema != nil, schemaName == nil {
            faults.note(.badValue, "Expected the name of a schema.", at: .here["schema"])
        }
        if let rejects {
            do { _ = try TableName(parsing: rejects) } catch {
                faults.note(.badValue, error.message, at: .here["rejects"])
            }
        }
        if let password, !Secret.isReference(password) {
            faults.note(
                .badValue,
                "A password does not stand in a job, of which every checkpoint has a copy: write "
                    + "\"${NAME}\" and set that variable, or leave the key out and use PGPASSWORD, "
                    + ".pgpass or a service file.", at: .here["password"])
        }
    }

    private mutating func checkKeys(_ query: QueryShape, _ faults: inout SettingFaults) {
        let list = JSONPointer.here["keys"]
        for (index, name) in keys.enumerated() {
            query.require(name, &faults, at: list[index])
            if keys[..<index].contains(name) {
                faults.note(.duplicate, "\"\(name)\" is listed twice.", at: list[index])
            }
        }
        if query.mode == .update, keys.isEmpty {
            guard let grouping = query.grouping else {
                faults.note(
                    .missingKey,
                    "A \(Self.word) sink in output mode \"update\" needs \"keys\", the columns of a "
                        + "unique index, or every grouping column in \"select\".", at: .here)
                return
            }
            keys = grouping
        }
        guard let grouping = query.grouping, !keys.isEmpty else { return }
        keysAreUnique = grouping.allSatisfy(keys.contains)
        if !keysAreUnique {
            faults.note(
                .badValue,
                "Several rows of a batch may have one key, and which of them stays would be chance: "
                    + "\"keys\" need every grouping column: \(grouping.joined(separator: ", ")).",
                at: list)
        }
    }

    private func checkHypertable(_ query: QueryShape, _ faults: inout SettingFaults) {
        guard let hypertable else { return }
        let place = JSONPointer.here["hypertable"]["timeColumn"]
        query.require(hypertable.timeColumn, &faults, at: place)
        guard let index = query.schema.index(of: hypertable.timeColumn) else { return }
        let type = query.schema[index].type
        if type != .timestamp, type != .date {
            faults.note(
                .wrongType,
                "A hypertable is cut by a timestamp or a date, and \"\(hypertable.timeColumn)\" is "
                    + "\(type.withArticle).", at: place)
        }
        if !keys.isEmpty, !keys.contains(hypertable.timeColumn) {
            faults.note(
                .badValue,
                "The unique index of a hypertable holds its time column: add "
                    + "\"\(hypertable.timeColumn)\" to \"keys\".", at: .here["keys"])
        }
    }
}

/// Types that a job gives to columns of a table that is made, as Spark's option of the same name.
struct ColumnTypes {
    /// The types as SQL, by column.
    let types: [String: String]

    struct Fault: Error { let message: String }

    private static let fault = Fault(
        message: "Expected columns with their types, such as "
            + "\"symbol varchar(12), price numeric(12,4)\".")

    init(parsing text: String) throws(Fault) {
        var types: [String: String] = [:]
        var part = ""
        var depth = 0
        for character in text + "," {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            guard depth >= 0 else { throw Self.fault }
            guard character == ",", depth == 0 else {
                part.append(character)
                continue
            }
            let trimmed = part.drop(while: \.isWhitespace)
            let words = trimmed.split(separator: " ", maxSplits: 1)
            guard words.count == 2, words[1].unicodeScalars.allSatisfy(Self.isOfType) else {
                throw Self.fault
            }
            types[String(words[0])] = String(words[1])
            part = ""
        }
        guard part.isEmpty else { throw Self.fault }
        self.types = types
    }

    private static func isOfType(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x80
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                || " ,()_".unicodeScalars.contains(scalar))
    }
}
