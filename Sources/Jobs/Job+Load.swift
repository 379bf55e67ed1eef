import Columnar
public import ConnectorAPI
import JSON
public import Settings

extension Job {
    /// Reads a job file and checks everything that can be checked without the log, the columns of
    /// expressions included when the job says what its columns are (by its feed, or by the
    /// source's `schema`).
    ///
    /// - Parameters:
    ///   - bytes: the file's content.
    ///   - path: the file's path, for errors.
    ///   - environment: what `${NAME}` stands for.
    ///   - registry: the formats that the job may have.
    /// - Returns: the job, with defaults and variables filled in.
    /// - Throws: every fault of the file at once.
    public static func load(
        _ bytes: [UInt8], path: String, environment: Variables = [:],
        registry: ConnectorRegistry
    ) throws(JobErrors) -> Job {
        let (text, variableErrors) = try readText(bytes, path: path, environment: environment)
        var reader = JobReader(text, JobFormat(registry), errors: variableErrors)
        let job = reader.job()
        guard let job, reader.errors.isEmpty else {
            // What is wrong with a value whose variable is not set cannot be told.
            let unset = Set(variableErrors.map(\.pointer))
            let errors = reader.errors.filter {
                $0.code == .badVariable || !unset.contains($0.pointer)
            }
            throw JobErrors(inFileOrder(errors))
        }
        return job
    }

    /// Reads a feed's settings that stand in no job.
    ///
    /// - Parameters:
    ///   - bytes: the text, an object as a job's `feed` is.
    ///   - path: what messages call it.
    ///   - environment: what `${NAME}` stands for.
    ///   - registry: the feeds that there are.
    /// - Returns: the feed.
    /// - Throws: every fault of the text at once.
    public static func loadFeed(
        _ bytes: [UInt8], path: String, environment: Variables = [:],
        registry: ConnectorRegistry
    ) throws(JobErrors) -> any FeedSpec {
        let (text, variableErrors) = try readText(bytes, path: path, environment: environment)
        var checker = SettingsChecker(text)
        let feed = checker.check(text.root, JobFormat(registry).feed, .here)
            .map { registry.feed(SettingsReader($0)) }
        var faults = SettingFaults(in: text)
        if checker.faults.found.isEmpty { feed?.check(&faults) }
        let errors = variableErrors + checker.faults.found + faults.found
        guard let feed, errors.isEmpty else { throw JobErrors(inFileOrder(errors)) }
        return feed
    }

    private static func readText(
        _ bytes: [UInt8], path: String, environment: Variables
    ) throws(JobErrors) -> (SettingsText, [SettingFault]) {
        do {
            let read = try SettingsText.read(bytes, file: path, environment: environment)
            return (read.text, read.faults)
        } catch { throw JobErrors([error]) }
    }

    /// The errors by place; at one place in the order they were found.
    static func inFileOrder(_ errors: [SettingFault]) -> [SettingFault] {
        let ordered = errors.enumerated().sorted { left, right in
            let (a, b) = (left.element.position, right.element.position)
            return (a.line, a.column, left.offset) < (b.line, b.column, right.offset)
        }
        return ordered.map(\.element)
    }
}

/// Reads the parts of a job one by one, so that a fault in one does not hide those of another.
private struct JobReader {
    let text: SettingsText
    let format: JobFormat
    var errors: [SettingFault]

    init(_ text: SettingsText, _ format: JobFormat, errors: [SettingFault]) {
        self.text = text
        self.format = format
        self.errors = errors
    }

    mutating func job() -> Job? {
        var checker = SettingsChecker(text)
        let filled = checker.check(text.root, .object(format.job), .here)
        errors += checker.faults.found
        guard text.root.members != nil else { return nil }

        let sources = sources(filled)
        let watermark = part("watermark", filled).map(WatermarkSpec.init)
        let queries = queries()

        var rules = JobRules(text, format.registry)
        for source in sources {
            // What a faulty feed's values must keep to together cannot be told.
            let place = source.feedPointer.description
            let isFaulty = errors.contains {
                $0.pointer.hasPrefix(place) && $0.code != .unknownKey
            }
            if !isFaulty, let feed = source.spec.feed {
                rules.faults.inside(source.feedPointer) { feed.check(&$0) }
            }
            if !source.isFaulty { rules.check(source) }
        }
        rules.checkSources()
        rules.checkNames()
        rules.checkPaths(
            sources: sources, watermark: watermark, checkpoint: checkpoint, queries: queries)
        errors += rules.faults.found
        errors += planErrors(sources, watermark, queries, filled)
        // In a job with other faults a query may well be read once they are mended.
        if errors.isEmpty {
            rules.checkUse(of: queries)
            if let trigger = part("trigger", filled).map(TriggerSpec.init) {
                rules.check(trigger, sources, watermark, queries)
            }
            errors += rules.faults.found
        }
        guard errors.isEmpty, let filled, let checkpoint else { return nil }
        let object = SettingsReader(filled)
        return Job(
            path: text.file, name: object.string("name"), sources: sources.map(\.spec),
            hasNamedSources: filled["sources"] != nil,
            watermark: watermark, trigger: TriggerSpec(object.object("trigger")),
            checkpointLocation: checkpoint,
            options: JobOptions(object.object("options")), queries: queries.map(\.spec),
            filled: filled, text: text, format: format)
    }

    /// The faults of expressions, when every source says which columns it has.
    private func planErrors(
        _ sources: [IndexedSource], _ watermark: WatermarkSpec?, _ queries: [IndexedQuery],
        _ filled: JSONValue?
    ) -> [SettingFault] {
        let count = text.root["sources"]?.elements?.count ?? 1
        let inputs = sources.compactMap { source -> SourceInput? in
            return source.spec.declaredColumns.map { SourceInput(source: source, columns: $0) }
        }
        guard inputs.count == count else { return [] }
        var planner = JobPlanner(
            text: text, watermark: watermark,
            allowsSessionUpdate: part("options", filled)?.bool("sessionUpdate") ?? false,
            isWatermarkFaulty: watermark == nil && text.root["watermark"] != nil)
        if planner.unite(inputs, readBy: queries) {
            _ = planner.plan(queries.filter(\.canBePlanned))
        }
        return planner.faults.found
    }

    /// The sources that can be read, with their place in the file.
    private func sources(_ filled: JSONValue?) -> [IndexedSource] {
        guard let several = text.root["sources"]?.elements else {
            let object = part("source", filled)
            // Of a source at fault its feed may still say the columns.
            var spec = object.map { JobSource(format.registry.source($0)) } ?? .atFault
            spec.feed = part("feed", filled).map(format.registry.feed)
            return [IndexedSource(index: nil, spec: spec, isFaulty: object == nil)]
        }
        var sources: [IndexedSource] = []
        for (index, value) in several.prefix(JobFormat.sourcesMax).enumerated() {
            var checker = SettingsChecker(text)
            let pointer = JSONPointer.here["sources"][index]
            guard
                let source = checker.check(
                    value, .variants(key: ConnectorRegistry.wordKey, format.namedSources), pointer),
                checker.repaired.isEmpty
            else { continue }
            sources.append(
                IndexedSource(
                    index: index, spec: JobSource(SettingsReader(source), format.registry)))
        }
        return sources
    }

    /// The directory of the checkpoint, when the job has one or a name.
    private var checkpoint: String? {
        text.root["checkpointLocation"]?.stringValue
            ?? text.root["name"]?.stringValue.map { "checkpoints/" + $0 }
    }

    /// A member of the job that has no fault, with its defaults.
    private func part(_ key: String, _ filled: JSONValue?) -> SettingsReader? {
        if let filled { return filled[key].map(SettingsReader.init) }
        guard let value = text.root[key],
            let shape = format.job.key(key)?.shape
        else { return nil }
        // The whole is at fault somewhere; this part may be fine. Its errors are noted already.
        var checker = SettingsChecker(text)
        return checker.check(value, shape, .here[key]).map(SettingsReader.init)
    }

    /// The queries that can be read, with their index in the file.
    private func queries() -> [IndexedQuery] {
        var queries: [IndexedQuery] = []
        let values = text.root["queries"]?.elements ?? []
        for (index, value) in values.prefix(JobFormat.queriesMax).enumerated() {
            var checker = SettingsChecker(text)
            let pointer = JSONPointer.here["queries"][index]
            if let query = checker.check(value, .object(format.query), pointer) {
                let repaired = ["from", "groupBy", "outputMode"].filter {
                    checker.repaired.contains(pointer[$0])
                }
                queries.append(
                    IndexedQuery(
                        index: index, spec: QuerySpec(SettingsReader(query), format.registry),
                        canBePlanned: repaired.allSatisfy { $0 == "outputMode" },
                        isModeFaulty: !repaired.isEmpty))
            }
        }
        return queries
    }
}

/// A query and its index in the file.
struct IndexedQuery {
    let index: Int
    let spec: QuerySpec
    /// Whether its expressions can be resolved; not when what they are about is at fault.
    var canBePlanned = true
    /// Whether the output mode that the file gives is at fault, so that `spec` has the default.
    var isModeFaulty = false

    var pointer: JSONPointer { JSONPointer.here["queries"][index] }
}
