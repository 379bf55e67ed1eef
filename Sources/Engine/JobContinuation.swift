import Checkpoints
public import ConnectorAPI
public import Jobs
public import Settings
public import Storage

/// Checks that a job can go on from the checkpoint in a directory, if there is one.
///
/// - Parameters:
///   - job: the job.
///   - columns: those of its sources.
///   - checkpoint: the directory.
///   - files: where it lies.
///   - environment: what `${NAME}` stands for in the recorded job.
/// - Throws: an error that tells every difference that cannot be.
public func checkCanContinue(
    with job: Job, columns: [SourceColumns], at checkpoint: Path, _ files: any FileSystem,
    environment: Variables
) throws {
    let reader = try CheckpointReader(checkpoint, files: files)
    guard let recorded = try reader.jobText(), recorded != job.canonicalText else { return }
    let old: Job
    do {
        old = try Job.load(
            Array(recorded.utf8), path: "\(checkpoint)/job.json", environment: environment,
            registry: job.registry)
    } catch {
        throw EngineError(
            .recordedJobUnreadable,
            "the job that the checkpoint recorded cannot be read: \(error.errors[0]) "
                + "Restore \(checkpoint)/job.json from a copy, or clear the checkpoint together "
                + "with its outputs and start over")
    }
    let differences = Job.difference(from: old, to: job, columns: columns)
    let hasCommits = try !reader.committedBatches().isEmpty
    let forbidden = differences.filter {
        !$0.isAllowed && (hasCommits || !$0.isFreeBeforeCommit)
    }
    guard !forbidden.isEmpty else { return }
    let list = forbidden.map { "\n  \($0)" }.joined()
    throw EngineError(
        .jobChanged,
        "the checkpoint \(checkpoint) "
            + (old.name == job.name
                ? "was made by another version of this job:"
                : "belongs to another job, '\(old.name)':") + "\(list)\n"
            + "Undo the change, or run the changed job on a new checkpointLocation and new sink "
            + "paths, or clear the old ones: streamer clear \(job.path)"
            + (old.name == job.name ? "" : " --force"))
}
