import Columnar
import Expressions
import JSON

/// The rules between values of a job file that no table can state.
struct JobRules {
    let text: JobText
    private(set) var errors: [JobError] = []

    init(text: JobText) { self.text = text }

    mutating func note(
        _ code: JobError.Code, _ message: String, at pointer: JSONPointer,
        suggestion: String? = nil
    ) {
        errors.append(
            text.error(
                code, message, at: text.value(at: pointer).range.lowerBound, pointer: pointer,
                suggestion: suggestion))
    }

    // MARK: Names

    /// Names are unique, and `from` leads to the source without going round in circles.
    mutating func checkNames(_ queries: [IndexedQuery]) {
        var first: [String: Int] = [:]
        for query in queries {
            if let other = first[query.spec.name] {
                note(
                    .duplicate,
                    "The name \"\(query.spec.name)\" is that of query \(other) already; "
                        + "rename one of them.", at: query.pointer["name"])
            } else {
                first[query.spec.name] = query.index
            }
        }
        let names = allNames
        for query in queries {
            guard let from = query.spec.from, !names.contains(from) else { continue }
            let others = names.filter { $0 != query.spec.name }
            let similar = nearest(to: from, among: others)
            note(
                .unknownName,
                "No query is named \"\(JSONValue.escaped(from))\"." + didYouMean(similar)
                    + (others.isEmpty
                        ? " Leave \"from\" out to read the source."
                        : " Queries: \(others.joined(separator: ", "))."),
                at: query.pointer["from"], suggestion: similar)
        }
        checkCycles(queries)
    }

    /// The names of all queries, those with faults included.
    private var allNames: [String] {
        (text.root["queries"]?.elements ?? []).compactMap { $0["name"]?.stringValue }
    }

    private mutating func checkCycles(_ queries: [IndexedQuery]) {
        let byName = Dictionary(queries.map { ($0.spec.name, $0) }, uniquingKeysWith: { a, _ in a })
        var reported: Set<String> = []
        for query in queries where !reported.contains(query.spec.name) {
            var path = [query.spec.name]
            var next = query.spec.from
            while let name = next, let upstream = byName[name] {
                if let start = path.firstIndex(of: name) {
                    let circle = path[start...] + [name]
                    if reported.isDisjoint(with: circle) {
                        let described = circle.joined(separator: " reads ")
                        let at = byName[path[start]] ?? query
                        note(
                            .cycle,
                            "Queries read each other in a circle: \(described). "
                                + "One of them must read the source or another query.",
                            at: at.pointer["from"])
                    }
                    reported.formUnion(circle)
                    break
                }
                path.append(name)
                next = upstream.spec.from
            }
        }
    }

    // MARK: Paths

    /// No two directories of a job are the same or inside one another.
    mutating func checkPaths(
        feed: FeedSpec?, source: SourceSpec?, checkpoint: String?, queries: [IndexedQuery]
    ) {
        var places: [(path: String, what: String, pointer: JSONPointer)] = []
        if let source {
            places.append((source.path, "the log", JSONPointer()["source"]["path"]))
        }
        if let checkpoint {
            places.append((checkpoint, "the checkpoint", JSONPointer()["checkpointLocation"]))
        }
        if let rejects = feed?.rejectsPath {
            let pointer = JSONPointer()["feed"]["rejects"]["path"]
            places.append((rejects, "the feed's rejects table", pointer))
        }
        for query in queries {
            for (index, sink) in query.spec.sinks.enumerated() {
                guard let path = sink.path else { continue }
                let pointer = query.pointer["sinks"][index]["path"]
                places.append((path, "a sink of query \"\(query.spec.name)\"", pointer))
            }
        }
        for (index, place) in places.enumerated() {
            let mine = Self.components(place.path)
            for other in places[..<index] {
                let theirs = Self.components(other.path)
                guard mine.starts(with: theirs) || theirs.starts(with: mine) else { continue }
                note(
                    .duplicate,
                    "The path \"\(place.path)\" is, or is inside or around, that of "
                        + "\(other.what) (\(other.pointer)); give each its own directory.",
                    at: place.pointer)
                break
            }
        }
    }

    private static func components(_ path: String) -> [Substring] {
        let root: [Substring] = path.hasPrefix("/") ? ["/"] : []
        return root + path.split(separator: "/").filter { $0 != "." }
    }

    // MARK: Source

    mutating func check(_ source: SourceSpec) {
        // The tree is looked at, since a schema with a name twice cannot be made.
        let columns = text.root["source"]?["schema"]?.elements ?? []
        checkUnique(
            columns.map { $0["name"]?.stringValue ?? "" },
            at: { JSONPointer()["source"]["schema"][$0]["name"] })
    }

    /// Notes each column name that an earlier column has.
    mutating func checkUnique(_ names: [String], at pointer: (Int) -> JSONPointer) {
        var seen: [[UInt8]: Int] = [:]
        for (index, name) in names.enumerated() {
            let bytes = Array(name.utf8)
            if let first = seen[bytes] {
                note(
                    .duplicate,
                    "The name \"\(JSONValue.escaped(name))\" is that of number \(first) already; "
                        + "rename one of them.", at: pointer(index))
            } else {
                seen[bytes] = index
            }
        }
    }
}

extension FeedSpec {
    var rejectsPath: String? {
        switch self {
        case .simulator: nil
        case .csv(let spec): spec.input.rejectsPath
        case .json(let spec): spec.input.rejectsPath
        }
    }
}
