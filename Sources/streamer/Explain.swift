import Columnar
import CommandLine
import ConnectorAPI
import Expressions
import Jobs
import Operators

/// `streamer explain`: shows what a job does.
let explainVerb = Verb(
    name: "explain",
    summary: "show the plan of a job as a tree",
    details: "",
    positionals: [.required("JOB", "the job file")],
    options: [],
    examples: ["streamer explain jobs/ohlcv.json"],
    body: explain)

private func explain(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let planned = try plannedJob(arguments.word("JOB"))
    for line in JobTree(planned).tree.lines { console.print(escapingControls(line)) }
    return .done
}

/// A planned job as a tree: what it reads, and each query below what it reads from.
private struct JobTree {
    private let job: Job
    private let plan: JobPlan
    private let schemaOrigin: String

    init(_ planned: PlannedJob) {
        job = planned.job
        plan = planned.plan
        schemaOrigin = planned.schemaOrigin
    }

    var tree: Tree {
        var children: [Tree] = []
        if !job.hasNamedSources, let feed = job.sources[0].feed {
            children.append(Tree("feed       \(feed.summary)"))
        }
        children += [
            Tree("trigger    \(job.trigger.text)"),
            Tree("checkpoint \(job.checkpointLocation)"),
            job.hasNamedSources ? union : onlySource,
        ]
        return Tree("job \(job.name)", children)
    }

    private var onlySource: Tree {
        Tree(
            "source     \(job.sources[0].spec.summary)",
            [Tree("columns of \(schemaOrigin)", fields(of: plan.input))]
                + [Tree("watermark  \(text(of: job.watermark))")] + queries(reading: nil))
    }

    /// The union of the sources, with what each of them brings in front of it.
    private var union: Tree {
        let isUnited = plan.queries.contains { $0.upstream == nil && $0.source == nil }
        let sources = job.sources.enumerated().map { index, source in
            var parts: [Tree] = []
            if let feed = source.feed { parts.append(Tree("feed       \(feed.summary)")) }
            if let filter = source.where { parts.append(Tree("filter     \(filter)")) }
            if !source.select.isEmpty {
                parts.append(Tree("select     \(source.select.joined(separator: ", "))"))
            }
            if job.watermark == nil {
                parts.append(Tree("watermark  \(text(of: source.watermark))"))
            }
            if !isUnited {
                let columns = fields(of: plan.sources[index].schema)
                parts.append(Tree("columns of \(schemaOrigin)", columns))
            }
            parts += queries(reading: nil, source: index)
            return Tree("source \(source.name): \(source.spec.summary)", parts)
        }
        var watermark = "watermark  \(text(of: job.watermark))"
        if job.watermark == nil, plan.watermarks.count > 0 {
            let policy = job.options.multipleWatermarkPolicy
            watermark =
                "watermark  \(policy.rawValue): the \(policy == .min ? "slowest" : "fastest") of "
                + plan.watermarks.map(\.name).joined(separator: ", ")
        }
        if !isUnited { return Tree("sources", sources + [Tree(watermark)]) }
        return Tree(
            "union by column name",
            sources + [Tree("columns of \(schemaOrigin)", fields(of: plan.input))]
                + [Tree(watermark)] + queries(reading: nil))
    }

    private func text(of watermark: WatermarkSpec?) -> String {
        guard let watermark else { return "none" }
        let delay = humanDuration(micros: watermark.delayThresholdMs * 1_000)
        var text = "\(delay) behind the largest \(watermark.eventTime)"
        if watermark.scope == .split { text += " of the slowest partition" }
        if job.hasNamedSources, let timeout = watermark.idleTimeoutMs {
            text += ", idle after \(humanDuration(micros: timeout * 1_000)) without rows"
        }
        if watermark.closesAtEnd { text += ", closed at the end of the feeds" }
        if let skew = watermark.maxFutureSkewMs {
            text += ", rows more than \(humanDuration(micros: skew * 1_000)) ahead of the clock "
            text += watermark.rejectsPath.map { "go to \($0)" } ?? "are left out"
        }
        return text
    }

    private func text(of distinct: Deduplication, _ input: Schema) -> String {
        let columns = distinct.columns.map { input[$0].name }.joined(separator: ", ")
        return "the first row by \(columns)"
            + (distinct.isWithinWatermark ? ", within the watermark's delay" : "")
    }

    /// The queries that read a query, a source by its name, or all sources.
    private func queries(reading upstream: Int?, source: Int? = nil) -> [Tree] {
        plan.queries.indices.filter {
            plan.queries[$0].upstream == upstream && plan.queries[$0].source == source
        }.map { index in
            let query = plan.queries[index]
            return Tree("query \(query.name)", details(of: query) + queries(reading: index))
        }
    }

    private func details(of query: PlannedQuery) -> [Tree] {
        var parts: [Tree] = []
        if let filter = query.plan.filter { parts.append(Tree("filter     \(filter.text)")) }
        if let distinct = query.deduplication {
            parts.append(Tree("distinct   \(text(of: distinct, query.input))"))
        }
        if let plan = query.plan.aggregation {
            if let window = plan.window { parts.append(Tree("window     \(text(of: window))")) }
            if !plan.keys.isEmpty {
                parts.append(Tree("keys       " + plan.keys.map(keyText).joined(separator: ", ")))
            }
            parts.append(
                Tree("aggregates", plan.aggregates.map { Tree("\($0.text): \($0.type)") }))
            if let having = plan.having { parts.append(Tree("having     \(having.text)")) }
        } else {
            parts.append(
                Tree(query.deduplication == nil ? "row by row, without state" : "row by row"))
        }
        parts.append(Tree("mode       \(text(of: query))"))
        parts.append(Tree("output", fields(of: query.outputSchema)))
        parts += query.sinks.map { Tree("sink       \($0.summary)") }
        if let late = query.late {
            parts.append(Tree("late rows  \(job.registry.sideTable(at: late.path).summary)"))
        }
        return parts
    }

    private func keyText(_ key: NamedExpression) -> String {
        key.expression.text == key.name ? key.name : "\(key.expression.text) AS \(key.name)"
    }

    private func fields(of schema: Schema) -> [Tree] { schema.fields.map { Tree("\($0)") } }

    private func text(of window: WindowPlan) -> String {
        let time = window.time.text
        switch window.kind {
        case .sliding(let duration, let slide, let start):
            let length = humanDuration(micros: duration)
            let kind =
                duration == slide
                ? "tumbling, \(length)" : "sliding, \(length) every \(humanDuration(micros: slide))"
            let shift = start == 0 ? "" : ", shifted by \(humanDuration(micros: start))"
            return "\(kind)\(shift), of \(time)"
        case .session(let gap):
            return "session, ends after \(humanDuration(micros: gap)) of silence, of \(time)"
        case .dynamicSession:
            return "session, ends after \(window.gap?.text ?? "") µs of silence, of \(time)"
        }
    }

    private func text(of query: PlannedQuery) -> String {
        switch query.outputMode {
        case .append: "append: each row once, when it is final"
        case .update: "update: the rows that a batch changed"
        case .complete: "complete: all rows, in every batch"
        }
    }
}

extension TriggerSpec {
    /// When batches run, in words.
    var text: String {
        switch self {
        case .availableNow: "availableNow: what is there at the start, then stop"
        case .once: "once: what is there at the start in one batch, then stop"
        case .processingTime(0): "processingTime: as soon as there is something to do"
        case .processingTime(let interval):
            "processingTime: a batch every \(humanDuration(micros: interval * 1_000))"
        case .realTime(let duration):
            "realTime: rows are shown as they come, with a commit every "
                + humanDuration(micros: duration * 1_000)
        }
    }
}
