import Checkpoints
import Columnar
import CommandLine
import Expressions
import Jobs
import Operators
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
        ResultFormat.widthOption, ResultFormat.rowsOption,
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
    let batch = try chosen.restore(
        from: place, after: arguments.count("batch").map { BatchID($0) })
    var groups = try chosen.state.rows()
    if let order = arguments.text("order-by") {
        groups = try RowOrder(order, schema: groups.schema).sort(groups)
    }
    let limit = arguments.limit("limit", fallback: arguments.format == .table ? 20 : nil)
    var printer = try ResultPrinter(
        groups.schema, as: arguments.format, width: arguments.count("width"), on: console)
    let shown = min(limit ?? groups.count, groups.count)
    printer.print(groups.slice(0..<shown))
    printer.finish()
    if arguments.format == .table {
        console.say(
            "\(chosen.owner) after batch \(batch): "
                + (shown < groups.count ? "\(groupedCount(Int64(shown))) of " : "")
                + counted(Int64(groups.count), "group"))
    }
    return .done
}

private func chosenState(_ arguments: Arguments, _ plan: JobPlan) throws -> QueryState {
    let states = plan.queries.flatMap(QueryState.all)
    let names = states.map(\.owner)
    guard let name = arguments.optionalWord("QUERY") else {
        if states.count == 1 { return states[0] }
        throw arguments.fault(
            states.isEmpty
                ? "no query of the job keeps state"
                : "say which query: \(listed(names))")
    }
    if let found = states.first(where: { $0.owner == name }) { return found }
    if let query = plan.queries.first(where: { $0.name == name }) {
        let kept = QueryState.all(of: query).map(\.owner).joined(separator: ", ")
        throw arguments.fault(
            kept.isEmpty
                ? "the query '\(name)' works row by row and keeps no state"
                : "the query '\(name)' keeps no groups; its state is \(kept)")
    }
    let meant = nearest(to: name, among: names).map { "did you mean '\($0)'?" }
    throw arguments.fault(
        "there is no query '\(shown(name))'; "
            + (meant ?? "those with state are: \(listed(names))"))
}
