import Checkpoints
import ConnectorAPI
import Feeds
import Jobs
import Registry
import Storage

/// The lowest offset of a log that some checkpoint still has to read: one below ./checkpoints, or
/// one of those that are named.
///
/// A checkpoint without a batch has read nothing, and needs nothing yet.
///
/// - Throws: when a checkpoint cannot be read: then it is not known what it needs.
func firstOffsetNeeded(ofLog log: Path, alsoBy others: [Path] = []) throws -> LogNeed? {
    var places = try CheckpointPlace.all(in: ProjectFolder.checkpoints.path())
    for path in others where !places.contains(where: { ProjectPlace.isSame($0.path, path) }) {
        let place = try CheckpointPlace(folder: path)
        if try place.exists() { places.append(place) }
    }
    var lowest: LogNeed?
    for place in places {
        guard let text = try place.reader.jobText() else { continue }
        let job = try Job.load(
            Array(text.utf8), path: "\(place.path)/job.json", environment: jobVariables,
            registry: .all)
        let source = try job.sources.first { source in
            try source.spec.tickLog.map { ProjectPlace.isSame(try Path($0), log) } ?? false
        }
        guard let source, let planned = try place.reader.plannedBatches().last,
            let range = try place.reader.offsets(planned).logOffsets(of: source.name)
        else { continue }
        let isCommitted = try place.reader.committedBatches().last == planned
        var next = isCommitted ? range.upperBound : range.lowerBound
        let record = BackfillBoundaryRecord(
            checkpoint: place.path, source: source.name, files: machineFiles)
        // Behind a history the log's rows have offsets of their own.
        if let boundary = try record.read() { next = boundary.logOffset(of: next) }
        if lowest.map({ next < $0.offset }) ?? true {
            lowest = LogNeed(offset: next, by: place.path.string)
        }
    }
    return lowest
}
