public import ConnectorAPI
public import Jobs
import Storage

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

    init(_ format: String, query: String, _ path: String, _ history: SinkHistory) {
        id = SinkID(format, query: query, place: path, at: path)
        description = sinkDescription(format, at: path)
        self.path = path
        self.history = history
    }
}

extension Job {
    /// The tables that the job writes: those of its queries, then those beside the results.
    public var outputs: [JobOutput] {
        let results = queries.flatMap { query in
            query.sinks.compactMap { sink in
                sink.path.map { JobOutput(sink.format, query: query.name, $0, sink.history) }
            }
        }
        return results
            + sideTables.map { JobOutput(plainFormat, query: $0.owner, $0.path, .everyBatch) }
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

extension SinkSpec {
    var history: SinkHistory {
        if case .table = self { .newestBatch } else { .everyBatch }
    }
}

/// The format of tables beside the results.
let plainFormat = "parquet"

func sinkDescription(_ format: String, at path: String) -> String {
    "\(format)[\((try? Path(path).string) ?? path)]"
}

extension SinkID {
    /// The id of a sink that writes a table.
    ///
    /// - Parameters:
    ///   - format: the sink's word in job files.
    ///   - query: the query whose rows it gets, or what else gives it rows.
    ///   - place: the directory, as the job writes it.
    ///   - path: the directory, as this run sees it.
    init(_ format: String, query: String, place: String, at path: String) {
        self.init(
            query: query, place: place, legacyOwner: sinkDescription(format, at: path))
    }
}
