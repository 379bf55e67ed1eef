import Columnar
import ConnectorAPI
import JSON
import Settings

/// The rules between values of a job file that no table can state.
struct JobRules {
    private let text: SettingsText
    let registry: ConnectorRegistry
    /// What was found.
    var faults: SettingFaults

    init(_ text: SettingsText, _ registry: ConnectorRegistry) {
        self.text = text
        self.registry = registry
        faults = SettingFaults(in: text)
    }

    mutating func note(
        _ code: SettingFault.Code, _ message: String, at pointer: JSONPointer,
        suggestion: String? = nil
    ) {
        faults.note(code, message, at: pointer, suggestion: suggestion)
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
                        + "rename one of them.", at: JSONPointer.here["queries"][index]["name"])
            } else {
                first[name] = index
            }
        }
        let sources = (text.root["sources"]?.elements ?? []).compactMap { $0["name"]?.stringValue }
        for (index, query) in queries.enumerated() {
            guard let from = query.from else { continue }
            let pointer = JSONPointer.here["queries"][index]["from"]
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
        if !queries.isEmpty { remedy = " Queries: \(listed(queries))." }
        if !sources.isEmpty {
            remedy =
                (queries.isEmpty ? "" : remedy) + " Sources: \(listed(sources))."
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
                    at: JSONPointer.here["queries"][index]["from"])
            }
            done.formUnion(path)
        }
    }

    /// Every query has a sink or a reader.
    mutating func checkUse(of queries: [IndexedQuery]) {
        let read = Set(queries.compactMap(\.spec.from))
        let example = registry.simplestSink.map { ", such as \($0)" } ?? ""
        for query in queries where query.spec.sinks.isEmpty && !read.contains(query.spec.name) {
            note(
                .badValue,
                "The rows of query \"\(query.spec.name)\" go nowhere; give it a sink\(example), or "
                    + "remove it.", at: query.pointer["sinks"])
        }
    }

    // MARK: Paths

    /// A place of a job: what it is for, and where the file says so.
    private struct Place {
        let place: OwnedPlace
        let what: String
        let pointer: JSONPointer

        init(_ place: OwnedPlace, _ what: String, in object: JSONPointer) {
            self.place = place
            self.what = what
            pointer = object + place.setting
        }

        init(_ path: String, _ what: String, at pointer: JSONPointer) {
            self.init(.directory(path, at: pointer), what, in: .here)
        }
    }

    /// No two places of a job are the same or inside one another.
    mutating func checkPaths(
        sources: [IndexedSource], watermark: WatermarkSpec?, checkpoint: String?,
        queries: [IndexedQuery]
    ) {
        var places = sources.filter { !$0.isFaulty }.flatMap { source in
            source.spec.spec.reads.map {
                Place($0, ($0.role ?? "what is read") + source.whose, in: source.pointer)
            }
        }
        if let checkpoint {
            places.append(Place(checkpoint, "the checkpoint", at: .here["checkpointLocation"]))
        }
        var feedRejects: Set<String> = []
        for source in sources {
            // Feeds may share a table: its rows say which feed they are of.
            if let rejects = source.spec.feed?.malformedTable,
                feedRejects.insert(rejects.name).inserted
            {
                let what = (rejects.role ?? "the feed's table") + source.whose
                places.append(Place(rejects, what, in: source.feedPointer))
            }
            if !source.isFaulty, let rejects = source.spec.spec.malformedTable {
                let what = (rejects.role ?? "the source's rejects table") + source.whose
                places.append(Place(rejects, what, in: source.pointer))
            }
            if let rejects = source.spec.watermark?.rejectsPath {
                places.append(
                    Place(
                        rejects, "the watermark's rejects table\(source.whose)",
                        at: source.pointer["watermark"]["rejects"]["path"]))
            }
        }
        if let rejects = watermark?.rejectsPath {
            places.append(
                Place(
                    rejects, "the watermark's rejects table",
                    at: .here["watermark"]["rejects"]["path"]))
        }
        for query in queries {
            if let late = query.spec.latePath {
                let what = "the late rows of query \"\(query.spec.name)\""
                places.append(Place(late, what, at: query.pointer["late"]["path"]))
            }
            for (index, sink) in query.spec.sinks.enumerated() {
                let what = "a sink of query \"\(query.spec.name)\""
                places += sink.owns.map { Place($0, what, in: query.pointer["sinks"][index]) }
            }
        }
        noteOverlaps(of: places)
    }

    private mutating func noteOverlaps(of places: [Place]) {
        for (index, place) in places.enumerated() {
            let other = places[..<index].first { $0.place.overlaps(place.place) }
            guard let other else { continue }
            let noun = place.place.directory == nil ? "place" : "path"
            let own = place.place.directory == nil ? "one of its own" : "its own directory"
            note(
                .duplicate,
                "The \(noun) \"\(place.place.name)\" is, or is inside or around, that of "
                    + "\(other.what) (\(other.pointer)); give each \(own).", at: place.pointer)
        }
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
                at: JSONPointer.here)
            return
        }
        if root["source"] != nil {
            note(
                .badValue,
                "A job has \"source\" or \"sources\", not both; put the log into \"sources\".",
                at: JSONPointer.here["source"])
        }
        if root["feed"] != nil {
            note(
                .badValue,
                "A job with \"sources\" has no \"feed\" of its own; put it into the source whose log "
                    + "it fills.", at: JSONPointer.here["feed"])
        }
        let elements = several.elements ?? []
        faults.requireUnique(elements.map { $0["name"]?.stringValue ?? "" }) {
            .here["sources"][$0]["name"]
        }
        guard root["watermark"] != nil else { return }
        for (index, source) in elements.enumerated() where source["watermark"] != nil {
            note(
                .badValue,
                "The job has a watermark over the rows of all sources already; leave out that one, "
                    + "or those of the sources.",
                at: JSONPointer.here["sources"][index]["watermark"])
        }
    }

    /// What a source's settings must keep to together.
    mutating func check(_ source: IndexedSource) {
        faults.inside(source.pointer) { source.spec.spec.check(&$0) }
        guard source.spec.spec.tickLog == nil, source.spec.feed != nil else { return }
        note(
            .badValue,
            "A feed fills a log, and this source is a directory of files; leave \"feed\" out, "
                + "or read a log.", at: source.feedPointer)
    }
}
