import CommandLine
import Feeds
import Glibc
import Jobs
import SparkExport
import Storage
import TickLog

/// `streamer spark`: the job as a program for Apache Spark.
let sparkVerb = Verb(
    name: "spark",
    summary: "print a job as a PySpark program, or run it on Apache Spark",
    details: """
        The program does the same job on Apache Spark 4.2 or later: the same queries, expressions
        and tables. It is one file that reads the log itself and needs pyspark and pyarrow. What
        Spark cannot do is refused with the reason. With --run the log is filled from the job's
        feed, the program is kept beside the job's checkpoint, and Python runs it: paths are those
        of the current folder, which every node of a cluster must have at the same place.
        """,
    positionals: [.required("JOB", "the job file")],
    options: [
        .flag(
            "any-duplicate",
            "export dropDuplicates, although Spark may keep another one of the duplicates"),
        .flag("run", "run the program instead of printing it"),
        .text("master", "URL", "with --run: where Spark runs: local[2], spark://HOST:7077"),
        .text("into", "DIR", "with --run: the folder for tables and checkpoints"),
        .text(
            "python", "PATH",
            "with --run: the Python that has pyspark and pyarrow, or a "
                + "spark-submit", fallback: "python3"),
    ],
    examples: [
        "streamer spark jobs/ohlcv.json > ohlcv.py",
        "streamer spark jobs/ohlcv.json --run --master 'local[2]' --into spark",
    ],
    body: spark)

private func spark(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    let planned = try plannedJob(arguments.word("JOB"))
    let program: SparkProgram
    do {
        program = try SparkProgram(
            planned.job, planned.plan, takesAnyDuplicate: arguments.has("any-duplicate"))
    } catch {
        for reason in error.reasons { console.error("\(planned.job.path): \(reason)") }
        return .usage
    }
    guard arguments.has("run") else {
        for option in ["master", "into"] where arguments.text(option) != nil {
            throw arguments.fault("--\(option) goes with --run")
        }
        console.output.write(program.text)
        return .done
    }
    let file = try keep(program, of: planned.job, into: arguments.text("into"))
    try fillLogs(of: planned, arguments, console)
    let (python, words) = arguments.command(running: file)
    console.say("\(planned.job.name): \(([python] + words).joined(separator: " "))")
    console.output.flush()
    replaceProcess(by: python, words)
    throw UsageError(
        "\(shown(python)) does not start; name a Python that has pyspark, or a spark-submit, with "
            + "--python")
}

/// Writes the program beside the job's checkpoint.
private func keep(_ program: SparkProgram, of job: Job, into folder: String?) throws -> Path {
    var place = try Path(job.checkpointLocation + "-spark")
    if let folder { place = try Path(folder).joining(relative: place.string) }
    try machineFiles.createDirectories(place)
    let file = try place.appending("\(job.name).py")
    try machineFiles.createAtomically(file, mode: .replace, text: program.text)
    return file
}

/// Fills the logs from the job's feeds, as a run would.
private func fillLogs(
    of planned: PlannedJob, _ arguments: Arguments, _ console: Console
) throws {
    guard planned.job.sources.contains(where: { $0.feed != nil }) else { return }
    let session = try JobSession(planned.job, showsConsole: false, isBounded: true, on: console)
    let report = RunReport(.table, on: console)
    for feed in try session.feedRuns() {
        guard feed.isBounded else {
            console.warn(
                "the job's feed has no end; it is not run, fill the log with `streamer run`")
            continue
        }
        report.feedEnded(
            try feed.fill(shouldStop: { stopSignal.isRequested }, onBatch: report.feedProgressed),
            log: feed.logPath.string)
    }
}

extension Arguments {
    /// The command that runs the program: Python's, or spark-submit's.
    fileprivate func command(running file: Path) -> (String, [String]) {
        let python = text("python") ?? "python3"
        let master = text("master").map { ["--master", $0] } ?? []
        let into = text("into").map { ["--into", $0] } ?? []
        return python.hasSuffix("spark-submit")
            ? (python, master + [file.string] + into) : (python, [file.string] + master + into)
    }
}

/// Goes on as another program; comes back only when it cannot.
private func replaceProcess(by program: String, _ words: [String]) {
    var pointers = unsafe ([program] + words).map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    // Safe: the strings are never freed, the array ends with nil.
    _ = unsafe execvp(program, pointers)
}
