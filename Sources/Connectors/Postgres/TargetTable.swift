/// What the catalogue says of the table that rows go to.
struct TargetTable: Sendable {
    /// A column.
    struct Column: Hashable, Sendable {
        let name: String
        /// The type's name in `pg_type`: `numeric`, `timestamptz`.
        let type: String
        /// The type as SQL writes it: `numeric(10,2)`.
        let typeText: String
        /// What the type is limited by, -1 for nothing: `atttypmod`.
        let modifier: Int
        let isNotNull: Bool
        /// Whether it has a value when none is given: a default, an identity.
        let hasDefault: Bool
        /// Whether the server computes it, so that no value can be given.
        let isGenerated: Bool
        /// Whether its identity is `GENERATED ALWAYS`.
        let isAlwaysIdentity: Bool
        /// Whether equal texts may have other bytes: a collation that is not deterministic.
        let mergesTexts: Bool

        /// The digits that a `numeric(p,s)` takes before the point and behind it; `nil` is any.
        var numericDigits: (whole: Int, scale: Int)? {
            guard type == "numeric", modifier >= 4 else { return nil }
            let (precision, scale) = ((modifier - 4) >> 16, (modifier - 4) & 0x7ff)
            // Of 11 bits, with a sign since version 15.
            let signed = scale >= 0x400 ? scale - 0x800 : scale
            return (precision - signed, signed)
        }

        /// The characters that a `varchar(n)` takes.
        var charactersMax: Int? { type == "varchar" && modifier >= 4 ? modifier - 4 : nil }
    }

    /// A unique index.
    struct UniqueIndex: Hashable, Sendable {
        let name: String
        let columns: [String]
        let isPartial: Bool
        let isDeferrable: Bool
        let isValid: Bool
        let nullsAreEqual: Bool
    }

    let name: TableName
    /// `pg_class.relkind`: r table, p partitioned, v view, f foreign.
    let kind: String
    let isUnlogged: Bool
    /// Whether row security holds for us, so that COPY is refused.
    let hasRowSecurity: Bool
    /// Whether triggers or rules may change what is stored.
    let hasTriggers: Bool
    let columns: [Column]
    let uniqueIndexes: [UniqueIndex]

    func column(_ name: String) -> Column? {
        columns.first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    /// Whether rows have to go through a table of their own: COPY does not go into views, foreign
    /// tables before they take it, or past row security.
    var needsStaging: Bool { hasRowSecurity || kind == "v" || kind == "f" }

    // MARK: Reading

    /// Reads the catalogue; `nil` when there is no such table.
    static func read(_ name: TableName, _ link: any SQLLink) throws(PostgresFault) -> TargetTable? {
        let found = try link.run(
            """
            SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence = 'u',
              c.relrowsecurity AND row_security_active(c.oid),
              EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid) OR c.relhasrules
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = to_regclass($1)
            """, [name.sql])
        guard let row = found.rows.first, let oid = row[0] else { return nil }
        return TargetTable(
            name: TableName(schema: row[1], table: row[2] ?? name.table), kind: row[3] ?? "",
            isUnlogged: row[4] == "t", hasRowSecurity: row[5] == "t", hasTriggers: row[6] == "t",
            columns: try readColumns(oid, link), uniqueIndexes: try readIndexes(oid, link))
    }

    private static func readColumns(
        _ oid: String, _ link: any SQLLink
    ) throws(PostgresFault) -> [Column] {
        try link.run(
            """
            SELECT a.attname, t.typname, format_type(a.atttypid, a.atttypmod), a.atttypmod,
              a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',
              a.attidentity = 'a', NOT coalesce(l.collisdeterministic, true), t.typtype
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
              LEFT JOIN pg_collation l ON l.oid = a.attcollation
            WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
            """, [oid]
        ).rows.map { row in
            Column(
                // A domain has checks of its own, and is told by its own name.
                name: row[0] ?? "", type: row[9] == "b" ? row[1] ?? "" : "", typeText: row[2] ?? "",
                modifier: row[3].flatMap { Int($0) } ?? -1, isNotNull: row[4] == "t",
                hasDefault: row[5] == "t", isGenerated: row[6] == "t",
                isAlwaysIdentity: row[7] == "t", mergesTexts: row[8] == "t")
        }
    }

    private static func readIndexes(
        _ oid: String, _ link: any SQLLink
    ) throws(PostgresFault) -> [UniqueIndex] {
        let nulls = link.serverVersion >= 150_000 ? "i.indnullsnotdistinct" : "false"
        let rows = try link.run(
            """
            SELECT c.relname, i.indpred IS NOT NULL, NOT i.indimmediate, i.indisvalid, \(nulls),
              i.indexprs IS NOT NULL, a.attname
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
              CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) k
              LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
            WHERE i.indrelid = $1::oid AND i.indisunique ORDER BY c.relname, k
            """, [oid]
        ).rows
        var indexes: [UniqueIndex] = []
        for row in rows where row[5] != "t" {
            let name = row[0] ?? ""
            let columns = (indexes.last?.name == name ? indexes.removeLast().columns : [])
            indexes.append(
                UniqueIndex(
                    name: name, columns: columns + [row[6] ?? ""], isPartial: row[1] == "t",
                    isDeferrable: row[2] == "t", isValid: row[3] == "t",
                    nullsAreEqual: row[4] == "t"))
        }
        return indexes
    }
}
