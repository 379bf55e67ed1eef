import Checkpoints
import Columnar
import Expressions
import Jobs

/// `streamer state show`: the groups that a query holds.
let stateShowVerb = Verb(
    name: "state show",
    summary: "print the state of a query: open windows and groups, with their aggregates",
    details: """
        Shows what a query holds after its newest committed batch, or after --batch N, as the
        checkpoint's own record of the job describes it. An engine may be running meanwhile.
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
    let (query, aggregation) = try chosenQuery(arguments, plan)
    let state = try QueryState(
        of: query, aggregation, in: place, after: arguments.count("batch").map { BatchID($0) })
    var groups = try state.groups()
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
            "\(query.name) after batch \(state.batch): "
                + (shown < groups.count ? "\(groupedCount(Int64(shown))) of " : "")
                + counted(Int64(groups.count), "group"))
    }
    return .done
}

private func chosenQuery(
    _ arguments: Arguments, _ plan: JobPlan
) throws -> (PlannedQuery, AggregationPlan) {
    let stateful = plan.queries.compactMap { query -> (PlannedQuery, AggregationPlan)? in
        if case .aggregation(let plan) = query.plan { (query, plan) } else { nil }
    }
    let names = stateful.map { $0.0.name }
    guard let name = arguments.optionalWord("QUERY") else {
        if stateful.count == 1 { return stateful[0] }
        throw arguments.fault(
            stateful.isEmpty
                ? "no query of the job keeps state"
                : "say which query: \(names.joined(separator: ", "))")
    }
    if let found = stateful.first(where: { $0.0.name == name }) { return found }
    if plan.queries.contains(where: { $0.name == name }) {
        throw arguments.fault("the query '\(name)' works row by row and keeps no state")
    }
    let meant = nearest(to: name, among: names).map { "did you mean '\($0)'?" }
    throw arguments.fault(
        "there is no query '\(shown(name))'; "
            + (meant ?? "those with state are: \(names.joined(separator: ", "))"))
}
