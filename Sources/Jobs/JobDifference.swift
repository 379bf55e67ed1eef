import Columnar
public import ConnectorAPI
import Expressions
import JSON

/// One field in which a job differs from the one that a checkpoint was made by.
public struct FieldDifference: Hashable, Sendable {
    /// Whether a checkpoint survives the change.
    public enum Verdict: Hashable, Sendable {
        /// The job may go on from the checkpoint.
        case allowed
        /// It may not, for this reason.
        case forbidden(reason: String)
    }

    /// The field: `source.path`, `queries[ohlcv].groupBy`.
    public let field: String
    /// The checkpoint's value, as JSON; `null` when the field was not there.
    public let old: String
    /// The job's value, as JSON; `null` when the field is not there.
    public let new: String
    /// Whether a checkpoint survives the change.
    public let verdict: Verdict

    /// Whether a checkpoint survives the change.
    public var isAllowed: Bool { verdict == .allowed }
}

extension FieldDifference: CustomStringConvertible {
    /// The field, both values and the verdict on one line.
    public var description: String {
        switch verdict {
        case .allowed: "\(field): \(old) → \(new) (allowed)"
        case .forbidden(let reason): "\(field): \(old) → \(new) (not allowed: \(reason))"
        }
    }
}

extension Job {
    /// The job as JSON with sorted keys, without comments, variables as they are written: what a
    /// checkpoint keeps, so that `replay` can run without the file.
    ///
    /// Secrets stay in the environment.
    public var canonicalText: String { text.unexpanded.text(keys: .sorted) }

    /// How a job differs from the one that a checkpoint was made by, with what Spark's rules of
    /// recovery say of each change; empty when they mean the same.
    ///
    /// Defaults count as if they were written, and expressions are compared by what they mean as
    /// far as the columns are known. Queries are matched by name, sinks by path.
    ///
    /// - Parameters:
    ///   - old: the job that the checkpoint was made by.
    ///   - new: the job that is to go on.
    ///   - columns: the columns of the logs, for jobs that do not say what they are.
    /// - Returns: the fields that differ, in the order of the reference.
    public static func difference(
        from old: Job, to new: Job, columns: [SourceColumns]? = nil
    ) -> [FieldDifference] {
        var comparison = JobComparison(
            oldMeanings: old.queryMeanings(columns), newMeanings: new.queryMeanings(columns))
        comparison.compareJobs(old.filled, new.filled)
        return comparison.found
    }
}

/// The expressions of a query in one spelling, by the key that holds them.
private typealias QueryMeaning = [String: [String]]

extension Job {
    /// What the expressions of each query mean, by its name; empty when the columns are unknown.
    fileprivate func queryMeanings(_ columns: [SourceColumns]?) -> [String: QueryMeaning] {
        guard let columns = declaredColumns ?? columns, columns.count == sources.count,
            let plan = try? plan(columns)
        else { return [:] }
        var named = plan.queries.map { ($0.name, $0.plan.meaning) }
        for source in plan.sources {
            guard let shape = source.shape else { continue }
            var meaning = QueryPlan.projection(shape).meaning
            meaning["columns"] = [shape.outputSchema.description]
            named.append((Self.meaningName(ofSource: source.name), meaning))
        }
        return Dictionary(named, uniquingKeysWith: { first, _ in first })
    }

    /// What the meaning of a source's `where` and `select` is found by: no query has such a name.
    fileprivate static func meaningName(ofSource name: String) -> String { "source \(name)" }
}

extension QueryPlan {
    fileprivate var meaning: QueryMeaning {
        func texts(_ columns: [NamedExpression]) -> [String] {
            columns.map { "\($0.expression.text) AS \($0.name)" }
        }
        switch self {
        case .projection(let plan):
            return ["where": plan.filter.map { [$0.text] } ?? [], "select": texts(plan.output)]
        case .aggregation(let plan):
            // Output and having speak of aggregates by number: the list says what they are.
            let aggregates = plan.aggregates.map(\.text)
            return [
                "where": plan.filter.map { [$0.text] } ?? [],
                "groupBy": texts(plan.keys) + [plan.window?.meaning ?? ""],
                "select": texts(plan.output) + aggregates,
                "having": (plan.having.map { [$0.text] } ?? []) + aggregates,
            ]
        }
    }
}

/// Walks two job trees with all defaults filled in.
private struct JobComparison {
    let oldMeanings: [String: QueryMeaning]
    let newMeanings: [String: QueryMeaning]
    private(set) var found: [FieldDifference] = []

    private mutating func note(
        _ field: String, _ old: JSONValue?, _ new: JSONValue?, forbidden reason: String?
    ) {
        found.append(
            FieldDifference(
                field: field, old: (old ?? .null).text(), new: (new ?? .null).text(),
                verdict: reason.map { .forbidden(reason: $0) } ?? .allowed))
    }

    mutating func compareJobs(_ old: JSONValue, _ new: JSONValue) {
        for key in JobFormat.job.keys where key.name != "$schema" && key.name != "version" {
            let (one, other) = (old[key.name], new[key.name])
            switch key.name {
            case "source" where old["source"] == nil || new["source"] == nil: continue
            case "sources": compareSources(old, new)
            case "queries": compareQueries(one?.elements ?? [], other?.elements ?? [])
            case "name", "checkpointLocation", "trigger":
                compare(key.name, one, other)
            default: compareFields(key.name, one, other)
            }
        }
    }

    /// Why a field may not change, or `nil` when it may.
    private func reason(_ field: String) -> String? {
        switch field {
        case "name": "the checkpoint belongs to the old name"
        case "source", "source.path", "source.backfill": Self.pathReason
        case "source.columns", "source.fields", "source.eventTime": Self.columnsReason
        case "watermark": Self.watermarkReason
        case "watermark.eventTime": Self.eventTimeReason
        case "options.multipleWatermarkPolicy":
            "the watermark so far followed the old policy, which Spark keeps in the checkpoint"
        default: nil
        }
    }

    private static let pathReason = "the checkpoint's offsets are places in the old source"
    private static let columnsReason = "the rows so far had the old columns"
    private static let watermarkReason = "windows of the old state close by the old rule"
    private static let eventTimeReason = "the watermark so far was that of the old column"

    /// Why a table beside the results may not change: it may come and go, but not move.
    private func reason(forTable old: JSONValue?, _ new: JSONValue?) -> String? {
        old == nil || new == nil ? nil : "the rows so far are in the old directory"
    }

    private mutating func compare(_ field: String, _ old: JSONValue?, _ new: JSONValue?) {
        guard old != new else { return }
        let reason =
            field == "watermark.rejects" ? reason(forTable: old, new) : reason(field)
        note(field, old, new, forbidden: reason)
    }

    /// Compares objects member by member; of different kinds, as a whole.
    private mutating func compareFields(_ field: String, _ old: JSONValue?, _ new: JSONValue?) {
        guard let members = old?.members, let others = new?.members,
            old?["format"] == new?["format"]
        else { return compare(field, old, new) }
        for member in members { compare("\(field).\(member.key)", member.value, new?[member.key]) }
        for member in others where old?[member.key] == nil {
            compare("\(field).\(member.key)", nil, member.value)
        }
    }

    /// Compares sources by name: each must still be there, in its place.
    private mutating func compareSources(_ old: JSONValue, _ new: JSONValue) {
        let (olds, news) = (Self.sources(of: old), Self.sources(of: new))
        guard let olds, let news else {
            if olds != nil || news != nil {
                note(
                    "sources", old["sources"].map(Self.names) ?? old["source"],
                    new["sources"].map(Self.names) ?? new["source"],
                    forbidden: "the checkpoint has the offsets of the old sources by name")
            }
            return
        }
        for source in olds {
            let name = source["name"]?.stringValue ?? ""
            guard let other = news.first(where: { $0["name"] == source["name"] }) else {
                note(
                    "sources[\(name)]", source["name"], nil,
                    forbidden: "the checkpoint has its offsets, and the state its rows; keep every "
                        + "source and its name")
                continue
            }
            compareSource("sources[\(name)]", source, other, name)
        }
        let added = news.filter { source in !olds.contains { $0["name"] == source["name"] } }
        for source in added {
            note(
                "sources[\(source["name"]?.stringValue ?? "")]", nil, source["name"],
                forbidden: "the checkpoint has no offsets for it, and the state is laid out for "
                    + "the old sources; give it a job of its own")
        }
        let (names, others) = (olds.map { $0["name"] }, news.map { $0["name"] })
        if names.count == others.count, added.isEmpty, names != others {
            note(
                "sources", Self.names(.array(olds)), Self.names(.array(news)),
                forbidden: "of rows with one event time those of the earlier source come first")
        }
    }

    private static func sources(of job: JSONValue) -> [JSONValue]? { job["sources"]?.elements }

    private static func names(_ sources: JSONValue) -> JSONValue {
        .array((sources.elements ?? []).map { $0["name"] ?? .null })
    }

    private mutating func compareSource(
        _ field: String, _ old: JSONValue, _ new: JSONValue, _ name: String
    ) {
        let meaning = Job.meaningName(ofSource: name)
        let columns = (oldMeanings[meaning]?["columns"], newMeanings[meaning]?["columns"])
        for key in JobFormat.namedSourceKeys where old[key.name] != new[key.name] {
            let place = "\(field).\(key.name)"
            if let one = oldMeanings[meaning]?[key.name],
                one == newMeanings[meaning]?[key.name]
            {
                continue
            }
            switch key.name {
            case "watermark" where old["watermark"] != nil && new["watermark"] != nil:
                compareWatermark(place, old["watermark"], new["watermark"])
            case "watermark":
                note(place, old[key.name], new[key.name], forbidden: Self.watermarkReason)
            case "path", "backfill":
                note(place, old[key.name], new[key.name], forbidden: Self.pathReason)
            case "columns", "fields", "eventTime":
                note(place, old[key.name], new[key.name], forbidden: Self.columnsReason)
            case "select" where columns.0 != columns.1:
                note(
                    place, old[key.name], new[key.name],
                    forbidden: "the queries' state was made of the old columns")
            default: note(place, old[key.name], new[key.name], forbidden: nil)
            }
        }
    }

    private mutating func compareWatermark(_ field: String, _ old: JSONValue?, _ new: JSONValue?) {
        for key in JobFormat.watermark.keys where old?[key.name] != new?[key.name] {
            let (one, other) = (old?[key.name], new?[key.name])
            let reason: String? =
                switch key.name {
                case "eventTime": Self.eventTimeReason
                case "rejects": reason(forTable: one, other)
                default: nil
                }
            note("\(field).\(key.name)", one, other, forbidden: reason)
        }
    }

    private mutating func compareQueries(_ old: [JSONValue], _ new: [JSONValue]) {
        for query in old {
            let name = query["name"]?.stringValue ?? ""
            if let other = new.first(where: { $0["name"] == query["name"] }) {
                compareQuery("queries[\(name)]", query, other)
            } else {
                note(
                    "queries[\(name)]", query["name"], nil,
                    forbidden: "the checkpoint has its state; keep every query")
            }
        }
        for query in new where !old.contains(where: { $0["name"] == query["name"] }) {
            note(
                "queries[\(query["name"]?.stringValue ?? "")]", nil, query["name"],
                forbidden: "it has not seen the rows so far; give it a job of its own")
        }
    }

    private mutating func compareQuery(_ field: String, _ old: JSONValue, _ new: JSONValue) {
        let isStateful = !(Self.isStateless(old) && Self.isStateless(new))
        for key in JobFormat.query.keys where key.name != "name" && old[key.name] != new[key.name] {
            let name = old["name"]?.stringValue ?? ""
            if let one = oldMeanings[name]?[key.name], one == newMeanings[name]?[key.name] {
                continue
            }
            let reason: String? =
                switch key.name {
                case "where": nil
                case "from": "what it computed so far comes from other rows"
                case "dropDuplicates", "dropDuplicatesWithinWatermark":
                    "the state remembers rows by the old columns"
                case "late": reason(forTable: old["late"], new["late"])
                case "groupBy": "the state is kept by the old groups and windows"
                case "select", "having": isStateful ? "the state has the old aggregates" : nil
                case "outputMode": isStateful ? "the state follows the old mode's rules" : nil
                default: nil
                }
            if key.name == "sinks" {
                compareSinks(field, old["sinks"]?.elements ?? [], new["sinks"]?.elements ?? [])
            } else {
                note("\(field).\(key.name)", old[key.name], new[key.name], forbidden: reason)
            }
        }
    }

    /// Whether a query has no state as far as its text says; an aggregate over everything has none
    /// of these marks but the mode, since it cannot append.
    private static func isStateless(_ query: JSONValue) -> Bool {
        query["groupBy"] == [] && query["having"] == nil && query["outputMode"] == "append"
    }

    private mutating func compareSinks(_ field: String, _ old: [JSONValue], _ new: [JSONValue]) {
        // Consoles come and go; what writes files stays where it is.
        let (files, others) = (old.filter { $0["path"] != nil }, new.filter { $0["path"] != nil })
        let (consoles, otherConsoles) = (
            old.filter { $0["path"] == nil }, new.filter { $0["path"] == nil }
        )
        if consoles != otherConsoles {
            note("\(field).sinks", .array(consoles), .array(otherConsoles), forbidden: nil)
        }
        let reason = "the batches so far are in the old directories"
        for sink in files {
            let place = "\(field).sinks[\(sink["path"]?.stringValue ?? "")]"
            guard let other = others.first(where: { $0["path"] == sink["path"] }) else {
                note(place, sink["path"], nil, forbidden: reason)
                continue
            }
            guard sink["format"] == other["format"] else {
                note("\(place).format", sink["format"], other["format"], forbidden: reason)
                continue
            }
            for key in [
                "partitionBy", "keys", "compression", "compressionLevel", "bloomFilter",
            ]
            where sink[key] != other[key] {
                note(
                    "\(place).\(key)", sink[key], other[key],
                    forbidden: key.hasPrefix("compression") || key == "bloomFilter"
                        ? nil : "the table so far follows the old columns")
            }
        }
        for sink in others where !files.contains(where: { $0["path"] == sink["path"] }) {
            let place = "\(field).sinks[\(sink["path"]?.stringValue ?? "")]"
            note(place, nil, sink["path"], forbidden: reason)
        }
    }
}
