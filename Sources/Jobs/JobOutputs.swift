public import ConnectorAPI

/// A directory that a job writes a table to, and how its checkpoint names it.
public struct JobOutput: Sendable {
    /// The sink.
    public let id: SinkID
    /// What the sink is, for people: `parquet[lake/ohlcv]`.
    public let description: String
    /// The directory, as the job writes it.
    public let path: String
    /// What of its batches is still there to be compared.
    public let history: SinkHistory

    init(_ sink: any SinkSpec, query: String, _ path: String) {
        id = SinkID(sink.word, query: query, place: path, at: path)
        description = SinkID.description(sink.word, at: path)
        self.path = path
        history = sink.history
    }
}

extension Job {
    /// The tables that the job writes: those of its queries, then those beside the results.
    public var outputs: [JobOutput] {
        let results = queries.flatMap { query in
            query.sinks.flatMap { sink in
                sink.directories.map { JobOutput(sink, query: query.name, $0) }
            }
        }
        let beside = sideTables.map { table in
            JobOutput(registry.sideTable(at: table.path), query: table.owner, table.path)
        }
        return results + beside
    }
}

extension [JobOutput] {
    /// The one that a commit means by an owner's text.
    ///
    /// Commits of old named a table by its directory as the run saw it, which may have been below
    /// the folder of a replay.
    public func output(of owner: String) -> JobOutput? {
        if let output = first(where: { $0.id.isOwner(owner) }) { return output }
        return filter { output in
            let parts = output.description.split(separator: "[" as Character, maxSplits: 1)
            return owner.hasPrefix("\(parts[0])[") && owner.hasSuffix("/\(parts[1])")
        }.max { $0.path.utf8.count < $1.path.utf8.count }
    }
}
