public import Columnar
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
    ///   - input: the columns of the log, for jobs that do not say what they are.
    /// - Returns: the fields that differ, in the order of the reference.
    public static func difference(
        from old: Job, to new: Job, input: Schema? = nil
    ) -> [FieldDifference] {
        var comparison = JobComparison(
            oldMeanings: old.queryMeanings(input), newMeanings: new.queryMeanings(input))
        comparison.compareJobs(old.filled, new.filled)
        return comparison.found
    }
}

/// The expressions of a query in one spelling, by the key that holds them.
private typealias QueryMeaning = [String: [String]]

extension Job {
    /// What the expressions of each query mean, by its name; empty when the columns are unknown.
    fileprivate func queryMeanings(_ input: Schema?) -> [String: QueryMeaning] {
        guard let schema = declaredSchema ?? input, let plan = try? plan(inputSchema: schema) else {
            return [:]
        }
        let named = plan.queries.map { ($0.name, $0.plan.meaning) }
        return Dictionary(named, uniquingKeysWith: { first, _ in first })
    }
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
        case "source.path": "the checkpoint's offsets are places in the old log"
        case "watermark": "windows of the old state close by the old rule"
        case "watermark.eventTime": "the watermark so far was that of the old column"
        default: nil
        }
    }

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
            for key in ["partitionBy", "keys", "compression", "compressionLevel"]
            where sink[key] != other[key] {
                note(
                    "\(place).\(key)", sink[key], other[key],
                    forbidden: key.hasPrefix("compression")
                        ? nil : "the table so far follows the old columns")
            }
        }
        for sink in others where !files.contains(where: { $0["path"] == sink["path"] }) {
            let place = "\(field).sinks[\(sink["path"]?.stringValue ?? "")]"
            note(place, nil, sink["path"], forbidden: reason)
        }
    }
}
