import Settings

/// Names of SQL as a job writes them.
struct TableName: Hashable, Sendable {
    /// The schema, if the name has one.
    let schema: String?
    let table: String

    /// Longer names are cut by the server without an error.
    static let bytesMax = 63

    /// Why a text is no name, in a sentence.
    struct Fault: Error { let message: String }

    init(schema: String?, table: String) {
        self.schema = schema
        self.table = table
    }

    /// Reads `table` or `schema.table` as SQL does: without quotes in lower case, in quotes exactly.
    init(parsing text: String) throws(Fault) {
        var parts: [String] = []
        var rest = Substring(text)
        while true {
            parts.append(try Self.identifier(&rest))
            if rest.isEmpty { break }
            guard rest.removeFirst() == ".", parts.count < 2 else {
                throw Fault(
                    message: "Expected bars or public.bars; a name with other characters "
                        + "than letters, digits, _ and $ stands in double quotes.")
            }
        }
        self.init(schema: parts.count == 2 ? parts[0] : nil, table: parts[parts.count - 1])
    }

    private static func identifier(_ rest: inout Substring) throws(Fault) -> String {
        var name = ""
        if rest.first == "\"" {
            rest.removeFirst()
            while let end = rest.firstIndex(of: "\"") {
                name += rest[..<end]
                rest = rest[rest.index(after: end)...]
                guard rest.first == "\"" else { return try checked(name) }
                name += "\""
                rest.removeFirst()
            }
            throw Fault(message: "A double quote of the name is not closed.")
        }
        while let scalar = rest.unicodeScalars.first, isPart(scalar, isFirst: name.isEmpty) {
            // PostgreSQL folds ASCII letters only, in a database whose encoding is UTF-8.
            name.unicodeScalars.append(
                ("A"..."Z").contains(scalar)
                    ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
            rest.unicodeScalars.removeFirst()
        }
        return try checked(name)
    }

    private static func isPart(_ scalar: Unicode.Scalar, isFirst: Bool) -> Bool {
        if scalar.value >= 0x80 || scalar == "_" { return true }
        if ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) { return true }
        return !isFirst && (("0"..."9").contains(scalar) || scalar == "$")
    }

    private static func checked(_ name: String) throws(Fault) -> String {
        if let fault = fault(in: name) { throw Fault(message: fault) }
        return name
    }

    /// What is wrong with the name of a table or a column.
    static func fault(in name: String) -> String? {
        if name.isEmpty { return "A name is empty, or begins with a character that needs quotes." }
        if name.utf8.contains(0) { return "A name has a NUL character." }
        guard name.utf8.count <= bytesMax else {
            return "The name \"\(name.escapedForMessage)\" has \(name.utf8.count) bytes; "
                + "PostgreSQL cuts names after \(bytesMax)."
        }
        return nil
    }

    /// The name as SQL: `"public"."bars"`.
    var sql: String {
        (schema.map { Self.quoted($0) + "." } ?? "") + Self.quoted(table)
    }

    /// The name for people: `public.bars`.
    var text: String { (schema.map { $0 + "." } ?? "") + table }

    /// A name in quotes.
    static func quoted(_ name: String) -> String {
        "\"" + name.replacing("\"", with: "\"\"") + "\""
    }

    /// Names in quotes, separated by commas.
    static func quoted(_ names: [String]) -> String { names.map(quoted).joined(separator: ", ") }

    /// A text as SQL's literal, whatever `standard_conforming_strings` says.
    static func literal(_ text: String) -> String {
        "E'" + text.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
    }
}
