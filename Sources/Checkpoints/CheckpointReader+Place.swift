import Storage

// A checkpoint has its folder to itself: what is cleared goes as a whole.

extension CheckpointReader {
    /// What a checkpoint's folder has in it; hidden files are nobody's.
    private static let ownNames: Set = [
        "metadata", "job.json", "offsets", "commits", "state", SourceLog.folder, "LOCK",
    ]

    /// What lies in the folder and is no part of a checkpoint.
    ///
    /// - Returns: the names, in the order of their bytes; none where there is no folder.
    /// - Throws: when it cannot be listed.
    public func foreignEntries() throws -> [String] {
        guard try files.info(path)?.kind == .directory else { return [] }
        let foreign = try files.list(path).filter {
            // Of a link there is nothing to lose.
            $0.kind != .other && !$0.name.hasPrefix(".") && !Self.ownNames.contains($0.name)
        }
        return foreign.map(\.name)
    }

    /// Refuses to make a checkpoint among files of others, or in a table, a log or another
    /// checkpoint.
    ///
    /// - Throws: `.placeTaken`.
    func refuseTaken() throws {
        guard try !isThere() else { return }
        if let foreign = try foreignEntries().first {
            throw CheckpointError(
                .placeTaken, path: path.string,
                detail: "the directory holds '\(foreign)', which no checkpoint put there",
                remedy: "give the job a checkpointLocation for itself, which is made, or move the "
                    + "directory's content away")
        }
        guard let around = try files.ownFolder(around: path) else { return }
        throw CheckpointError(
            .placeTaken, path: path.string,
            detail: "the directory lies in \(around.path), which is \(around.kind.rawValue)",
            remedy: "give the job a checkpointLocation outside of it")
    }
}
