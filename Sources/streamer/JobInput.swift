import ConnectorAPI
import Jobs
import Settings
import Storage
import TickLog

extension JobSource {
    /// Opens what is read.
    ///
    /// - Parameters:
    ///   - checkpoint: the job's checkpoint, where a source may keep what it has found.
    ///   - keepsFindings: whether it does; only who holds the checkpoint's lock may say so.
    /// - Returns: the source, which its reader closes.
    /// - Throws: when there is none, or its columns do not fit.
    func open(checkpoint: Path, keepsFindings: Bool = true) throws -> any Source {
        var place = place(checkpoint: checkpoint)
        place.keepsFindings = keepsFindings
        do {
            return try spec.open(place)
        } catch {
            guard let log = spec.tickLog, (error.cause as? TickLogError)?.code == .notFound
            else { throw error }
            throw try noLog(at: Path(log))
        }
    }

    /// What a source needs to open.
    func place(checkpoint: Path) -> SourcePlace {
        SourcePlace(
            name: name, checkpoint: checkpoint, files: machineFiles,
            secrets: { jobVariables[$0] })
    }

    /// Whether what it reads is a tick log that is not there yet.
    func lacksLog() throws -> Bool {
        guard let log = spec.tickLog else { return false }
        return try !machineFiles.isTaken(Path(log).appending("log.json"))
    }

    /// The tick log that it reads, if it reads one.
    func openedLog() throws -> TickLogReader? {
        try spec.tickLog.map { try openLog(at: Path($0)) }
    }
}
