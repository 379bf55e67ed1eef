import Columnar
import CommandLine
import Dispatch
import Jobs
import Synchronization

/// Runs jobs side by side, each on a thread of its own with its own checkpoint; one that fails
/// leaves the others running.
///
/// - Returns: 1 when one has failed, else 2 when one could not begin, else as the last one ended.
/// - Throws: a mistake when two of them are one job, or are named alike.
func runSideBySide(_ runs: [JobRun], on console: Console) throws -> ExitCode {
    var places: [String: String] = [:]
    for run in runs {
        let job = run.job
        if let other = places.updateValue(job.path, forKey: job.checkpointLocation) {
            throw UsageError(
                "\(other) and \(job.path) have one checkpoint, \(job.checkpointLocation); give each its "
                    + "own name or checkpointLocation", verb: "run")
        }
    }
    var names: [String: String] = [:]
    for run in runs {
        if let other = names.updateValue(run.job.path, forKey: run.job.name) {
            throw UsageError(
                "\(other) and \(run.job.path) are both named '\(run.job.name)', by which messages "
                    + "tell jobs apart; rename one", verb: "run")
        }
    }
    handleStopSignals()
    let codes = Mutex<[ExitCode]>([])
    let done = DispatchSemaphore(value: 0)
    for run in runs {
        let work: @Sendable () -> Void = {
            let code: ExitCode
            do {
                code = try run.run()
            } catch {
                console.output.flush()
                console.error("\(run.job.name): \(error)")
                code = exitCode(of: error)
            }
            codes.withLock { $0.append(code) }
            done.signal()
        }
        let failure = startThread(work)
        if failure != 0 {
            console.error("\(run.job.name): cannot create a thread for it (error \(failure))")
            codes.withLock { $0.append(.failed) }
            done.signal()
        }
    }
    for _ in runs { done.wait() }
    let ended = codes.withLock { $0 }
    for code in [ExitCode.failed, .usage, .interrupted] where ended.contains(code) { return code }
    return .done
}
