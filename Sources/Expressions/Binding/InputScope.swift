import Columnar

/// The columns that names mean, resolved as Spark does: upper and lower case are one.
struct InputScope {
    let schema: Schema
    private let byLowercase: [String: [Int]]

    init(_ schema: Schema) {
        self.schema = schema
        var byLowercase: [String: [Int]] = [:]
        for (index, name) in schema.names.enumerated() {
            byLowercase[name.lowercased(), default: []].append(index)
        }
        self.byLowercase = byLowercase
    }

    /// The columns of a name; several when they differ in case alone.
    func indices(of parts: [String]) -> [Int] {
        byLowercase[parts.joined(separator: ".").lowercased()] ?? []
    }

    /// Writes expressions with the schema's own spelling of columns.
    var writer: SyntaxWriter {
        SyntaxWriter(isPretty: false) { parts in
            let found = indices(of: parts)
            let name = found.count == 1 ? schema[found[0]].name : parts.joined(separator: ".")
            return quotedIfNeeded(name)
        }
    }
}
