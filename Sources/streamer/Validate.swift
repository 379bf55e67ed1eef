import Columnar
import CommandLine
import ConnectorAPI
import Expressions
import JSON
import Jobs
import Registry
import Settings
import Storage
import TickLog

/// `streamer validate`: checks a job file and says everything that is wrong with it.
let validateVerb = Verb(
    name: "validate",
    summary: "check a job file; name every error with its place",
    details: """
        Checks the file, the queries and their types. Where the log exists already, its columns are
        those that count, else the ones that the job declares. Exit code 2 when there are errors.
        """,
    positionals: [.any("JOB", "the job files")],
    options: [.flag("schema", "print the JSON Schema of job files, for editors")],
    examples: [
        "streamer validate jobs/ohlcv.json", "streamer validate jobs/ohlcv.json jobs/live.json",
        "streamer validate --schema > job.schema.json",
    ],
    body: validateJobs)

private func validateJobs(_ arguments: Arguments, _ console: Console) throws -> ExitCode {
    if arguments.has("schema") {
        console.output.write(Job.schemaText(.all))
    } else if arguments.list("JOB").isEmpty {
        throw arguments.fault("say which job files to check, or --schema")
    }
    var code = ExitCode.done
    var schemas: [String] = []
    for path in arguments.list("JOB") {
        do {
            console.print("\(path): \(try plannedJob(path).summary)")
        } catch let errors as JobErrors {
            if isSchema(path) {
                schemas.append(path)
                console.say("\(path): a JSON Schema, and no job; passed over")
                continue
            }
            report(errors, on: console)
            code = .usage
        } catch let error as UsageError {
            console.error(error.message)
            code = .usage
        }
    }
    if !schemas.isEmpty, schemas.count == arguments.list("JOB").count {
        throw arguments.fault("no job was checked: name a job file")
    }
    return code
}

/// Whether a file is a JSON Schema, as that of job files lies beside them.
private func isSchema(_ path: String) -> Bool {
    guard let bytes = try? readSmallFile(path), let value = try? JSONValue.parse(bytes) else {
        return false
    }
    return value["$schema"]?.stringValue?.contains("json-schema.org") ?? false
}

/// A job whose expressions are resolved.
struct PlannedJob {
    /// The job.
    let job: Job
    /// Its queries.
    let plan: JobPlan
    /// Where the columns of the rows come from, in words.
    let schemaOrigin: String

    /// That the job is valid, and what it has, in a line.
    var summary: String {
        let queries = counted(Int64(plan.queries.count), "query", plural: "queries")
        let sinks = counted(Int64(plan.queries.reduce(0) { $0 + $1.sinks.count }), "sink")
        return "valid; job \(job.name), \(queries), \(sinks); columns of \(schemaOrigin)"
    }
}

/// Reads a job file and resolves its expressions against the columns of its log or, while there
/// is none yet, against those that it declares.
func plannedJob(_ path: String) throws -> PlannedJob { try plannedJob(loadJob(path)) }

/// Resolves the expressions of a job, as `plannedJob(_:)` of its file.
func plannedJob(_ job: Job) throws -> PlannedJob {
    let found = try job.sources.map { try columns(of: $0, in: job) }
    let plan = try job.plan(found.map(\.columns))
    var origins: [String] = []
    for origin in found.map(\.origin) where !origins.contains(origin) { origins.append(origin) }
    return PlannedJob(job: job, plan: plan, schemaOrigin: origins.joined(separator: ", "))
}

/// The columns of a source, and where they come from, in words.
private func columns(
    of source: JobSource, in job: Job
) throws -> (columns: SourceColumns, origin: String) {
    let isLog = source.spec.tickLog != nil
    if try !source.lacksLog() {
        let input = try source.open(checkpoint: Path(job.checkpointLocation))
        return (input.columns, "the \(isLog ? "log" : "files") \(try Path(source.path))")
    }
    guard let declared = source.declaredColumns else {
        throw UsageError(
            "\(job.path): there is no log in \(try Path(source.path)) yet, and the job has neither a "
                + "feed nor a \"schema\" in its source that says which columns it will have")
    }
    return (declared, source.spec.declaresColumns ? "the job's schema" : "the job's feed")
}

/// Prints every error of a job file.
func report(_ errors: JobErrors, on console: Console) {
    for error in errors.errors {
        let meant = error.suggestion.map { " Did you mean \"\($0)\"?" } ?? ""
        let isSaid = error.suggestion.map { error.message.contains($0) } ?? true
        console.error("\(error)\(isSaid ? "" : meant)")
    }
    if errors.errors.count > 1 {
        console.say(counted(Int64(errors.errors.count), "error"))
    }
}
