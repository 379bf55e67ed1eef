import CommandLine
import ConnectorAPI
import Engine
import Glibc
import Jobs

/// The version of the program, its file formats and its command line.
let version = "0.1.0"

/// Every verb, in the order in which help lists them.
let verbs: [Verb] = [
    runVerb, replayVerb, serveVerb, clearVerb, validateVerb, explainVerb, logAppendVerb, logCatVerb,
    logLsVerb, logVerifyVerb, logTailVerb, logTrimVerb, logRetainVerb,
    sourceLsVerb, sourceCatVerb, sourceTailVerb,
    lakeLsVerb, lakeShowVerb, lakeExportVerb,
    lakeVerifyVerb, lakeCompactVerb, checkpointLsVerb, checkpointShowVerb, checkpointVerifyVerb,
    stateShowVerb, doctorVerb, evalVerb, sparkVerb,
]

/// Carries out a command line (without the program's name) and says how the process ends.
func runCommandLine(_ words: [String]) -> ExitCode {
    let console = Console(environment: processEnvironment)
    defer { console.output.flush() }
    var verb: String?
    do {
        let parser = Parser(
            verbs: verbs, environment: processEnvironment, answer: answer(toVerb:))
        switch try parser.parse(words) {
        case .perform(let arguments):
            verb = arguments.verb.name
            return try arguments.verb.body(arguments, console)
        case .explain(let verb): console.output.write(helpPage(of: verb))
        case .overview(let group): console.output.write(overviewPage(of: verbs, group: group))
        case .version: console.print("streamer \(version)")
        }
        return .done
    } catch {
        console.output.flush()
        return report(error, verb: verb, on: console)
    }
}

/// Says what went wrong, and whose fault it is.
private func report(_ error: any Error, verb: String?, on console: Console) -> ExitCode {
    switch error {
    case let error as UsageError:
        console.error(error.message)
        let topic = (error.verb ?? verb).map { "help \($0)" } ?? "help"
        console.say("'streamer \(topic)' tells more.")
    case let errors as JobErrors: report(errors, on: console)
    case let error as EngineError where error.isMistakeOfTheCaller: console.error(error.message)
    default: console.error("\(error)")
    }
    return exitCode(of: error)
}

/// How a process ends that came to this error: whose fault it is.
func exitCode(of error: any Error) -> ExitCode {
    switch error {
    case is UsageError, is JobErrors: .usage
    case let error as EngineError where error.isMistakeOfTheCaller: .usage
    case let error as ConnectorError where error.fault == .settings: .usage
    default: .failed
    }
}

/// The environment variables of the process as it began.
let processEnvironment = readEnvironment()

private func readEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    // Safe: environ is a NULL-terminated array of C strings, and nothing here changes it.
    var next = unsafe environ
    while let entry = unsafe next.pointee {
        let text = unsafe String(cString: entry)
        let equals = text.utf8.firstIndex(of: UInt8(ascii: "="))
        if let equals {
            result[String(text[..<equals])] = String(text[text.utf8.index(after: equals)...])
        }
        unsafe next += 1
    }
    return result
}
