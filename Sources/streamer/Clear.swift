import CommandLine
import Jobs
import Storage

/// `streamer clear`: empties the lake and the checkpoints.
let clearVerb = Verb(
    name: "clear",
    summary: "empty the lake and the checkpoints, or what one job owns",
    details: """
        Without JOB every checkpoint below ./checkpoints and every table below ./lake is removed,
        with JOB the checkpoint of that job and the tables that belong to it: all of them or, when
        one lies behind a link, nothing. Only what streamer made is removed; .gitkeep and other
        files stay, and so do tables and checkpoints of other jobs unless --force is given; where
        others have put files into a folder that would go, nothing is removed. Topics and tables of
        databases keep what they got. The log
        stays unless --log is given, and also then when other checkpoints read it, without --force.
        Refuses while an engine runs. Asks first on a terminal; elsewhere --yes is needed.
        """,
    positionals: [.optional("JOB", "the job file")],
    options: [
        .flag("log", "remove the tick log too: what it holds is lost"),
        .flag("force", "remove also what belongs to other checkpoints, or is read by them"),
        .flag("yes", letter: "y", "do not ask"),
    ],
    examples: [
        "streamer clear", "streamer clear jobs/ohlcv.json --yes", "streamer clear --log --yes",
    ],
    body: clear)

private func clear(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let (withLog, isForced) = (arguments.has("log"), arguments.has("force"))
    let work =
        try arguments.optionalWord("JOB").map {
            try Clearing(of: loadJob($0), withLog: withLog, isForced: isForced)
        } ?? Clearing(everythingWithLog: withLog, isForced: isForced)
    for note in work.notes { console.say(note) }
    try work.refuseWhatCannotBe()
    guard !work.isEmpty else {
        console.say("nothing to clear")
        return .done
    }
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
