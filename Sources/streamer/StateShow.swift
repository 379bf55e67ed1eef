import Checkpoints
import Columnar
import Expressions
import Jobs
import Storage

/// `streamer state show`: the groups that a query holds.
let stateShowVerb = Verb(
    name: "state show",
    summary: "print the state of a query: open windows and groups, with their aggregates",
    details: """
        Shows what a query holds after its newest committed batch, or after --batch N, as the
        checkpoint's own record of the job describes it. An engine may be running meanwhile. The
        rows that a query remembers to tell duplicates are the state of QUERY+duplicates.
        """,
    positionals: [
        .required("JOB", "a job file, a checkpoint's name or its folder"),
        .optional("QUERY", "the query; may be left out when only one has state"),
    ],
    options: [
        .count("batch", "the state after this batch"),
        .text("order-by", "A,B DESC,…", "sort by these columns; by default window, then keys"),
        .limit("limit", "how many groups at most (default: 20 in a table, else all)"),
        ResultFormat.rowsOption,
    ],
    examples: [
        "streamer state show jobs/ohlcv.json ohlcv",
        "streamer state show ohlcv rolling --batch 3 --format csv",
    ],
    body: showState)

private func showState(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let place = try CheckpointPlace(named: arguments.word("JOB"))
    let plan = try recordedJob(of: place).plan
    let chosen = try chosenState(arguments, plan)
    var (groups, batch) = try chosen.rows(place, arguments.count("batch").map { BatchID($0) })
    if let order = arguments.text("order-by") {
        groups = try RowOrder(order, schema: groups.schema).sort(groups)
    }
    let limit = arguments.limit("limit", fallback: arguments.format == .table ? 20 : nil)
    var printer = try ResultPrinter(groups.schema, as: arguments.format, on: console)
    let shown = min(limit ?? groups.count, groups.count)
    printer.print(groups.slice(0..<shown))
    printer.finish()
    if arguments.format == .table {
        console.say(
            "\(chosen.name) after batch \(batch): "
                + (shown < groups.count ? "\(groupedCount(Int64(shown))) of " : "")
                + counted(Int64(groups.count), "group"))
    }
    return .done
}

/// A table of state that can be shown.
private struct ShownState {
    let name: String
    /// The table's rows after a batch (by default the newest), and that batch.
    let rows: (CheckpointPlace, BatchID?) throws -> (RecordBatch, BatchID)

    /// The tables of a query.
    static func all(of query: PlannedQuery) -> [ShownState] {
        var states: [ShownState] = []
        if case .aggregation(let plan) = query.plan {
            states.append(
                ShownState(name: query.name) { place, batch in
                    let state = try QueryState(of: query, plan, in: place, after: batch)
                    return (try state.groups(), state.batch)
                })
        }
        if let deduplication = query.deduplication {
            states.append(
                ShownState(name: query.duplicatesOwner) { place, batch in
                    try rememberedRows(of: query, deduplication, in: place, after: batch)
                })
        }
        return states
    }
}

private func chosenState(_ arguments: Arguments, _ plan: JobPlan) throws -> ShownState {
    let states = plan.queries.flatMap(ShownState.all)
    let names = states.map(\.name)
    guard let name = arguments.optionalWord("QUERY") else {
        if states.count == 1 { return states[0] }
        throw arguments.fault(
            states.isEmpty
                ? "no query of the job keeps state"
                : "say which query: \(names.joined(separator: ", "))")
    }
    if let found = states.first(where: { $0.name == name }) { return found }
    if let query = plan.queries.first(where: { $0.name == name }) {
        let kept = ShownState.all(of: query).map(\.name).joined(separator: ", ")
        throw arguments.fault(
            kept.isEmpty
                ? "the query '\(name)' works row by row and keeps no state"
                : "the query '\(name)' keeps no groups; its state is \(kept)")
    }
    let meant = nearest(to: name, among: names).map { "did you mean '\($0)'?" }
    throw arguments.fault(
        "there is no query '\(shown(name))'; "
            + (meant ?? "those with state are: \(names.joined(separator: ", "))"))
}
