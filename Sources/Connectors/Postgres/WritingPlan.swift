import Columnar
import ConnectorAPI
import Expressions

/// How the rows of a query go into a table, decided once from what both are.
struct WritingPlan: Sendable {
    let target: TargetTable
    let schema: Schema
    /// How each of our columns becomes a field.
    let forms: [FieldForm]
    let keys: [String]
    let mode: OutputMode

    /// Why rows cannot go into a table, in a sentence.
    struct Fault: Error { let message: String }

    init(
        _ target: TargetTable, _ schema: Schema, keys: [String], mode: OutputMode
    ) throws(Fault) {
        self.target = target
        self.schema = schema
        self.keys = keys
        self.mode = mode
        try Self.checkKind(target, isPlainAppend: keys.isEmpty && mode == .append)
        forms = try Self.forms(schema, target)
        try Self.checkOthers(schema, target)
        if !keys.isEmpty { try Self.checkKeys(keys, target) }
    }

    /// Whether rows are copied straight into the table.
    var copiesStraight: Bool { keys.isEmpty && !target.needsStaging }

    // MARK: Checks

    private static func checkKind(
        _ target: TargetTable, isPlainAppend: Bool
    ) throws(Fault) {
        switch target.kind {
        case "r", "p": break
        case "v", "f":
            guard !isPlainAppend else { break }
            throw Fault(
                message:
                    "it is a \(target.kind == "v" ? "view" : "foreign table"), into which rows "
                    + "can only be added: name a table, or use output mode \"append\" without keys")
        default:
            throw Fault(message: "it is no table, partitioned table or view; name one that is")
        }
    }

    private static func forms(_ schema: Schema, _ target: TargetTable) throws(Fault) -> [FieldForm]
    {
        var reasons: [String] = []
        var forms: [FieldForm] = []
        var missing: [Field] = []
        for field in schema.fields {
            guard let column = target.column(field.name) else {
                let folded = target.columns.first {
                    $0.name.lowercased() == field.name.lowercased()
                }
                if let folded {
                    reasons.append(
                        "the job's column \"\(field.name)\" is called \"\(folded.name)\" there; names "
                            + "must match exactly: select it AS `\(folded.name)`")
                } else {
                    missing.append(field)
                }
                continue
            }
            if column.isGenerated || column.isAlwaysIdentity {
                reasons.append(
                    "column \"\(field.name)\" is filled by the database itself; leave it out of "
                        + "\"select\"")
                continue
            }
            do {
                forms.append(try FieldForm(field.type, in: column))
            } catch {
                reasons.append("column \"\(field.name)\": \(error.reason)")
            }
        }
        if !missing.isEmpty {
            let added = missing.map {
                "ADD COLUMN \(TableName.quoted($0.name)) \(FieldForm.made(for: $0.type))"
            }
            reasons.append(
                "it has no column \(missing.map { "\"\($0.name)\"" }.joined(separator: ", ")); "
                    + "ALTER TABLE \(target.name.sql) \(added.joined(separator: ", ")), or leave it out "
                    + "of \"select\"")
        }
        guard reasons.isEmpty else { throw Fault(message: reasons.joined(separator: "; ")) }
        return forms
    }

    /// Columns that we do not write need a value of their own.
    private static func checkOthers(_ schema: Schema, _ target: TargetTable) throws(Fault) {
        let left = target.columns.filter {
            schema.index(of: $0.name) == nil && $0.isNotNull && !$0.hasDefault && !$0.isGenerated
        }
        guard let first = left.first else { return }
        throw Fault(
            message:
                "column \"\(first.name)\" takes no null and has no default, and the job does not "
                + "write it; add it to \"select\", or give it a default")
    }

    private static func checkKeys(_ keys: [String], _ target: TargetTable) throws(Fault) {
        let list = TableName.quoted(keys)
        let matching = target.uniqueIndexes.filter { Set($0.columns) == Set(keys) }
        let usable = matching.filter { !$0.isPartial && !$0.isDeferrable && $0.isValid }
        guard !usable.isEmpty else {
            let why =
                matching.first.map { index in
                    "its unique index \"\(index.name)\" on \(list) is "
                        + (index.isPartial
                            ? "partial" : index.isDeferrable ? "deferrable" : "not valid")
                        + ", which ON CONFLICT cannot use"
                } ?? "it has no unique index on \(list)"
            throw Fault(
                message: "\(why); CREATE UNIQUE INDEX ON \(target.name.sql) (\(list)), or name the "
                    + "columns of an index in \"keys\"")
        }
        for name in keys {
            guard let column = target.column(name) else { continue }
            if !column.isNotNull, !usable.contains(where: \.nullsAreEqual) {
                throw Fault(
                    message:
                        "key column \"\(name)\" may be null, and nulls are never equal, so that "
                        + "such rows would be added again and again; ALTER TABLE \(target.name.sql) "
                        + "ALTER COLUMN \(TableName.quoted(name)) SET NOT NULL")
            }
            if column.mergesTexts {
                throw Fault(
                    message: "key column \"\(name)\" has a collation for which different texts are "
                        + "equal; give it a deterministic one")
            }
        }
    }
}

extension TargetTable {
    /// What the form of fields depends on, as one text: it is read again in every transaction, since
    /// bytes of one type pass for those of another.
    static func signatureSQL(_ name: TableName) -> String {
        """
        SELECT c.relkind::text || c.relrowsecurity::text || ' '
            || string_agg(concat_ws(' ', a.attname, a.atttypid, a.atttypmod, a.attnotnull,
              a.atthasdef, a.attidentity, a.attgenerated), ',' ORDER BY a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.oid = to_regclass(\(TableName.literal(name.sql))) AND a.attnum > 0
          AND NOT a.attisdropped GROUP BY c.oid, c.relkind, c.relrowsecurity
        """
    }
}
