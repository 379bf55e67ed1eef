import Jobs
import Storage

/// Checks that a checkpoint made by a job can be continued by another.
///
/// - Throws: an error that tells every difference that cannot be.
func checkCanContinue(_ recorded: String, with job: EngineJob, at checkpoint: Path) throws {
    let old = try Job.load(
        Array(recorded.utf8), path: "\(checkpoint)/job.json", environment: job.environment)
    let differences = Job.difference(from: old, to: job.job, input: job.plan.input)
    let forbidden = differences.filter { !$0.isAllowed }
    guard !forbidden.isEmpty else { return }
    let list = forbidden.map { "\n  \($0)" }.joined()
    throw EngineError(
        .jobChanged,
        "the checkpoint \(checkpoint) was made by another version of this job:\(list)\n"
            + "Undo the change, or run the changed job on a new checkpointLocation and new sink "
            + "paths, or clear the old ones: streamer clear \(job.job.path)")
}
