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
        guard errors.count < JobErrors.countMax else { return }
        errors.append(
            text.error(
                code, message, at: text.value(at: pointer).range.lowerBound, pointer: pointer,
                suggestion: suggestion))
    }

    // MARK: Names

    /// Names are unique, and `from` leads to sources without going round in circles.
    ///
    /// The tree is looked at, so that queries with other faults count.
    mutating func checkNames() {
        let queries = (text.root["queries"]?.elements ?? []).map { query in
            (name: query["name"]?.stringValue, from: query["from"]?.stringValue)
        }
        var first: [String: Int] = [:]
        for (index, query) in queries.enumerated() {
            guard let name = query.name else { continue }
            if let other = first[name] {
                note(
                    .duplicate,
                    "The name \"\(JSONValue.escaped(name))\" is that of query \(other) already; "
                        + "rename one of them.", at: JSONPointer()["queries"][index]["name"])
            } else {
                first[name] = index
            }
        }
        let sources = (text.root["sources"]?.elements ?? []).compactMap { $0["name"]?.stringValue }
        for (index, query) in queries.enumerated() {
            guard let from = query.from else { continue }
            let pointer = JSONPointer()["queries"][index]["from"]
            if first[from] != nil {
                guard sources.contains(from) else { continue }
                note(
                    .duplicate,
                    "\"\(JSONValue.escaped(from))\" is the name of a query and of a source; rename "
                        + "one of them.", at: pointer)
            } else if !sources.contains(from) {
                noteUnknown(
                    from, queries: queries.compactMap(\.name).filter { $0 != query.name }, sources,
                    at: pointer)
            }
        }
        checkCycles(from: queries.map { $0.from.flatMap { first[$0] } }, queries.map(\.name))
    }

    /// Notes a `from` that names nothing.
    private mutating func noteUnknown(
        _ from: String, queries: [String], _ sources: [String], at pointer: JSONPointer
    ) {
        let similar = nearest(to: from, among: queries + sources)
        var remedy = " Leave \"from\" out to read the source."
        if !queries.isEmpty { remedy = " Queries: \(queries.joined(separator: ", "))." }
        if !sources.isEmpty {
            remedy =
                (queries.isEmpty ? "" : remedy) + " Sources: \(sources.joined(separator: ", "))."
        }
        note(
            .unknownName,
            "No query \(sources.isEmpty ? "" : "or source ")is named "
                + "\"\(JSONValue.escaped(from))\"." + didYouMean(similar) + remedy,
            at: pointer, suggestion: similar)
    }

    /// Notes each circle once; `upstream` has, for every query, the one that it reads.
    private mutating func checkCycles(from upstream: [Int?], _ names: [String?]) {
        var done: Set<Int> = []
        for start in upstream.indices {
            var path: [Int] = []
            var next: Int? = start
            while let index = next, !done.contains(index), !path.contains(index) {
                path.append(index)
                next = upstream[index]
            }
            if let index = next, let first = path.firstIndex(of: index) {
                let circle = (path[first...] + [index]).map { names[$0] ?? "?" }
                note(
                    .cycle,
                    "Queries read each other in a circle: \(circle.joined(separator: " reads ")). "
                        + "One of them must read the source or another query.",
                    at: JSONPointer()["queries"][index]["from"])
            }
            done.formUnion(path)
        }
    }

    /// Every query has a sink or a reader.
    mutating func checkUse(of queries: [IndexedQuery]) {
        let read = Set(queries.compactMap(\.spec.from))
        for query in queries where query.spec.sinks.isEmpty && !read.contains(query.spec.name) {
            note(
                .badValue,
                "The rows of query \"\(query.spec.name)\" go nowhere; give it a sink, such as "
                    + "{\"format\": \"console\"}, or remove it.", at: query.pointer["sinks"])
        }
    }

    // MARK: Paths

    /// No two directories of a job are the same or inside one another.
    mutating func checkPaths(
        sources: [IndexedSource], watermark: WatermarkSpec?, checkpoint: String?,
        queries: [IndexedQuery]
    ) {
        var places: [(path: String, what: String, pointer: JSONPointer)] = []
        var feedRejects: Set<String> = []
        for source in sources where !source.isFaulty {
            let whose = source.index == nil ? "" : " of source \"\(source.spec.name)\""
            let what = source.spec.files == nil ? "the log" : "what is read"
            for path in source.spec.files?.paths ?? [source.spec.path] {
                places.append((path, what + whose, source.pointer["path"]))
            }
            for path in source.spec.backfill?.history.paths ?? [] {
                places.append((path, "the history\(whose)", source.pointer["backfill"]["path"]))
            }
        }
        if let checkpoint {
            places.append((checkpoint, "the checkpoint", JSONPointer()["checkpointLocation"]))
        }
        for source in sources {
            let whose = source.index == nil ? "" : " of source \"\(source.spec.name)\""
            // Feeds may share a table: its rows say which feed they are of.
            if let rejects = source.spec.feed?.rejectsPath, feedRejects.insert(rejects).inserted {
                let pointer = source.feedPointer["rejects"]["path"]
                places.append((rejects, "the feed's rejects table\(whose)", pointer))
            }
            if let rejects = source.spec.watermark?.rejectsPath {
                let pointer = source.pointer["watermark"]["rejects"]["path"]
                places.append((rejects, "the watermark's rejects table\(whose)", pointer))
            }
        }
        if let rejects = watermark?.rejectsPath {
            let pointer = JSONPointer()["watermark"]["rejects"]["path"]
            places.append((rejects, "the watermark's rejects table", pointer))
        }
        for query in queries {
            if let late = query.spec.latePath {
                let what = "the late rows of query \"\(query.spec.name)\""
                places.append((late, what, query.pointer["late"]["path"]))
            }
            for (index, sink) in query.spec.sinks.enumerated() {
                guard let path = sink.path else { continue }
                let pointer = query.pointer["sinks"][index]["path"]
                places.append((path, "a sink of query \"\(query.spec.name)\"", pointer))
            }
        }
        let components = places.map { Self.components($0.path) }
        for (index, place) in places.enumerated() {
            let mine = components[index]
            for (other, theirs) in zip(places[..<index], components) {
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

    /// A job has `source` or `sources`, which have names of their own; what belongs to one source
    /// stands in it.
    ///
    /// The tree is looked at, so that sources with other faults count.
    mutating func checkSources() {
        let root = text.root
        guard let several = root["sources"] else {
            guard root["source"] == nil else { return }
            note(
                .missingKey,
                "The key \"source\" is missing. The log to read; or \"sources\", a list of them.",
                at: JSONPointer())
            return
        }
        if root["source"] != nil {
            note(
                .badValue,
                "A job has \"source\" or \"sources\", not both; put the log into \"sources\".",
                at: JSONPointer()["source"])
        }
        if root["feed"] != nil {
            note(
                .badValue,
                "A job with \"sources\" has no \"feed\" of its own; put it into the source whose log "
                    + "it fills.", at: JSONPointer()["feed"])
        }
        let elements = several.elements ?? []
        checkUnique(elements.map { $0["name"]?.stringValue ?? "" }) {
            JSONPointer()["sources"][$0]["name"]
        }
        guard root["watermark"] != nil else { return }
        for (index, source) in elements.enumerated() where source["watermark"] != nil {
            note(
                .badValue,
                "The job has a watermark over the rows of all sources already; leave out that one, "
                    + "or those of the sources.",
                at: JSONPointer()["sources"][index]["watermark"])
        }
    }

    /// What a directory source's settings must keep to together.
    mutating func checkFiles(of source: IndexedSource) {
        for (files, pointer) in [
            (source.spec.files, source.pointer),
            (source.spec.backfill?.history, source.pointer["backfill"]),
        ] {
            guard let files else { continue }
            if let feed = files.content.feed { check(feed, at: pointer) }
            if files.maxFilesPerTrigger != nil, files.maxBytesPerTrigger != nil {
                note(
                    .badValue,
                    "A batch is bounded by \"maxFilesPerTrigger\" or \"maxBytesPerTrigger\", not "
                        + "both.", at: pointer["maxBytesPerTrigger"])
            }
        }
        if source.spec.files != nil, source.spec.feed != nil {
            note(
                .badValue,
                "A feed fills a log, and this source is a directory of files; leave \"feed\" out, "
                    + "or read a log.", at: source.feedPointer)
        }
    }

    /// No column of a source's schema has the name of another.
    mutating func checkSchema(of source: IndexedSource) {
        // The tree is looked at, since a schema with a name twice cannot be made.
        let pointer = source.pointer["schema"]
        let columns = text.value(at: source.pointer)["schema"]?.elements ?? []
        checkUnique(columns.map { $0["name"]?.stringValue ?? "" }) { pointer[$0]["name"] }
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
