import Columnar
import ConnectorAPI
import Expressions
import JSON
import Operators
import Settings

extension JobPlanner {
    /// Which rows a query leaves out as duplicates, if any.
    mutating func deduplication(
        _ query: IndexedQuery, _ schema: Schema, watermarkColumn: Int?, upstream: OutputMode?
    ) -> Deduplication? {
        let (all, within) = (query.spec.dropDuplicates, query.spec.dropDuplicatesWithinWatermark)
        guard !all.isEmpty || !within.isEmpty else { return nil }
        let key = all.isEmpty ? "dropDuplicatesWithinWatermark" : "dropDuplicates"
        guard all.isEmpty || within.isEmpty else {
            note(
                .badValue,
                "A query has \"dropDuplicates\" or \"dropDuplicatesWithinWatermark\", not both; "
                    + "put one of them into a query of its own.",
                at: query.pointer["dropDuplicatesWithinWatermark"])
            return nil
        }
        var columns: [Int] = []
        for (place, name) in (all + within).enumerated() {
            let pointer = query.pointer[key][place]
            guard let column = schema.index(of: name) else {
                let similar = nearest(to: name, among: schema.names)
                note(
                    .unknownName,
                    "No input column is named \"\(JSONValue.escaped(name))\"."
                        + didYouMean(similar)
                        + " Columns: \(listed(schema.names)).",
                    at: pointer, suggestion: similar)
                continue
            }
            if columns.contains(column) {
                note(.duplicate, "\"\(name)\" is listed twice.", at: pointer)
            } else {
                columns.append(column)
            }
        }
        let result = Deduplication(columns: columns, isWithinWatermark: all.isEmpty)
        // Whether rows are bounded is unknown then; the watermark's own fault is noted.
        if isWatermarkFaulty, result.isWithinWatermark { return result }
        for fault in Operators.check(result, watermarkColumn: watermarkColumn, upstream: upstream) {
            note(.badOutputMode, fault.message.asSentence, at: query.pointer[key])
        }
        return result
    }
}

extension SideTable {
    /// The table of a query's late rows.
    init(lateAt path: String, query: String, input: Schema) {
        self.init(
            owner: Self.lateOwner(query: query), path: path, input: input,
            why: [
                Field("query", .string, isNullable: false),
                Field("watermark", .timestamp, isNullable: false),
                Field("lateness_ms", .long, isNullable: false),
                Field("batch", .long, isNullable: false),
            ])
    }

    /// The table of rows that were too far ahead of the clock.
    init(rejectsAt path: String, of source: String?, input: Schema) {
        self.init(
            owner: Self.rejectsOwner(of: source), path: path, input: input,
            why: [
                Field("reason", .string, isNullable: false),
                Field("clock", .timestamp, isNullable: false),
                Field("ahead_ms", .long, isNullable: false),
                Field("batch", .long, isNullable: false),
            ])
    }

    /// The table of a source's records that do not parse.
    init(malformedAt path: String, of source: String) {
        self.init(
            owner: "\(source).malformed", path: path, schema: MalformedRecord.sourceSchema)
    }

    /// Who writes the late rows of a query.
    static func lateOwner(query: String) -> String { "\(query).late" }

    /// Who writes the rows that the watermark of a source, or the job's, rejects.
    static func rejectsOwner(of source: String?) -> String { "\(source ?? "watermark").rejects" }

    private init(owner: String, path: String, input: Schema, why: [Field]) {
        var fields = input.fields
        for field in why {
            // The rows' own columns may have any name, also one of these.
            var name = field.name
            while fields.contains(where: { $0.name.lowercased() == name.lowercased() }) {
                name += "_"
            }
            fields.append(Field(name, field.type, isNullable: field.isNullable))
        }
        self.init(owner: owner, path: path, schema: Schema(fields))
    }
}
