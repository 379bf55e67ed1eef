import Checkpoints
import Columnar
import ConnectorAPI
import KeyedState
import Storage

/// Rows of a batch and the sink that they go to.
struct Publication: Sendable {
    let sink: any Sink
    let rows: RecordBatch

    /// Rows that were set aside, if their job keeps them.
    static func aside(_ output: SideOutput?, _ rows: RecordBatch?) -> [Publication] {
        guard let output, let rows else { return [] }
        return [Publication(sink: output.sink, rows: rows)]
    }

    /// The rows as their sink takes them.
    func batch(_ plan: BatchPlan, isRepeated: Bool = false) -> SinkBatch {
        SinkBatch(
            number: BatchID(plan.batch), rows: rows, plannedAt: Milliseconds(plan.timestampMs),
            attempt: plan.isRerun || isRepeated ? .repeated : .first)
    }
}

/// What one query, or one watermark that sets rows aside, gives its sinks in a batch: written, and not
/// yet visible.
struct PreparedResults: Sendable {
    private let parts: [(publication: Publication, batch: any PreparedBatch)]
    private let plan: BatchPlan
    private let retry: SinkRetry

    /// Prepares what goes to some sinks; when one fails, nothing of the others stays.
    init(_ publications: [Publication], _ plan: BatchPlan, _ retry: SinkRetry) throws {
        var parts: [(publication: Publication, batch: any PreparedBatch)] = []
        do {
            for publication in publications {
                let sink = publication.sink
                let prepared = try retry(sink) { tries in
                    try sink.prepare(publication.batch(plan, isRepeated: tries > 0))
                }
                parts.append((publication, prepared))
            }
        } catch {
            for part in parts { part.batch.abort() }
            throw error
        }
        self.parts = parts
        self.plan = plan
        self.retry = retry
    }

    /// How many sinks they go to.
    var count: Int { parts.count }

    /// Makes what goes to one of the sinks visible: what the batch's commit has to remember.
    ///
    /// A sink whose commit did not happen, or of which nobody knows, prepares the batch once more,
    /// by itself, and finds out.
    func commit(_ index: Int) throws -> [Owned<Receipt>] {
        let (publication, batch) = parts[index]
        let sink = publication.sink
        let receipts = try retry(sink) { tries in
            let again =
                tries > 0 ? try sink.prepare(publication.batch(plan, isRepeated: true)) : nil
            return try (again ?? batch).commit()
        }
        return receipts.map { Owned(owner: sink.id.text, $0) }
    }

    /// Leaves nothing of what goes to the sinks from one on.
    func abort(from index: Int = 0) {
        for part in parts.dropFirst(index) { part.batch.abort() }
    }
}

/// A batch's changes to the state of one query, durable and not yet under their names.
struct PreparedState: Sendable {
    private let owned: [(owner: String, staged: StagedState)]
    private let files: any FileSystem

    /// Writes the changes aside; when that fails nothing of them stays.
    init(_ changes: [ChangedState], _ files: any FileSystem) throws {
        self.files = files
        var owned: [(owner: String, staged: StagedState)] = []
        do {
            for change in changes { owned.append((change.owner, try change.stage())) }
        } catch {
            for file in owned.flatMap(\.staged.files) { files.discard(file) }
            throw error
        }
        self.owned = owned
    }

    /// Gives the files their names: what the batch's commit has to remember.
    func publish() throws -> [Owned<FileReceipt>] {
        guard !owned.isEmpty else { return [] }
        _ = try files.publish(owned.flatMap(\.staged.files))
        return owned.flatMap { owner, staged in staged.receipts.map { Owned(owner: owner, $0) } }
    }

    /// Removes the files.
    func abort() {
        for file in owned.flatMap(\.staged.files) { files.discard(file) }
    }
}
