import CommandLine
import Jobs
import Storage

/// `streamer clear`: empties the lake and the checkpoints.
let clearVerb = Verb(
    name: "clear",
    summary: "empty the lake and the checkpoints, or what one job owns",
    details: """
        Without JOB every checkpoint below ./checkpoints and every table below ./lake is removed,
        with JOB the checkpoint and the tables of that job. Only what streamer made is removed;
        .gitkeep, other files and links stay. The log stays unless --log is given. Refuses while an
        engine runs. Asks first on a terminal; elsewhere --yes is needed.
        """,
    positionals: [.optional("JOB", "the job file")],
    options: [
        .flag("log", "remove the tick log too: what it holds is lost"),
        .flag("yes", letter: "y", "do not ask"),
    ],
    examples: [
        "streamer clear", "streamer clear jobs/ohlcv.json --yes", "streamer clear --log --yes",
    ],
    body: clear)

private func clear(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let withLog = arguments.has("log")
    let work =
        try arguments.optionalWord("JOB").map { try Clearing(of: loadJob($0), withLog: withLog) }
        ?? Clearing(everythingWithLog: withLog)
    for note in work.leftAlone { console.say(note) }
    guard !work.isEmpty else {
        console.say("nothing to clear")
        return .done
    }
    try work.refuseWhileInUse()
    if !arguments.has("yes") {
        guard console.isInteractive else {
            throw arguments.fault(
                "would remove \(work.summary); say --yes, since nobody can be asked here")
        }
        guard console.confirm("Remove \(work.summary)?") else {
            console.say("nothing was removed")
            return .done
        }
    }
    try work.carryOut(console)
    return .done
}
