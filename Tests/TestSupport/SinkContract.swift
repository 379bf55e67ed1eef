public import Columnar
import ConnectorAPI
import Storage

/// What every sink promises its job.
public enum SinkClause: String, Sendable, CaseIterable {
    /// A job that cannot begin leaves nothing.
    case withdrawalLeavesNothing = "a sink that withdraws leaves nothing"
    /// Nobody sees a batch before it is committed.
    case preparedIsUnseen = "a batch that is prepared is not seen"
    /// An aborted batch leaves nothing.
    case abortLeavesNothing = "an aborted batch leaves nothing"
    /// A committed batch is there, and committing it again gives the same.
    case commitShows = "a batch that is committed is seen, and committing it again changes nothing"
    /// A batch that comes again leaves what it left.
    case repeatChangesNothing = "a batch that comes again changes nothing"
    /// Whatever a crash leaves, running the batch again sets it right.
    case crashIsSurvived = "after a crash the batch, run again, leaves what it would have left"
    /// What is as it was published is found so.
    case verifyIsClean = "what was published is found whole"
    /// What is not is found out.
    case verifyFindsDamage = "one byte that is another is found"
}

/// A promise that a sink does not keep, and where that was seen.
public struct SinkViolation: Sendable, Hashable, CustomStringConvertible {
    /// The promise.
    public let clause: SinkClause
    /// What was seen.
    public let detail: String

    /// The promise, and what was seen.
    public var description: String { "not kept: \(clause.rawValue): \(detail)" }
}

/// Checks what a sink promises, on machines that go down at every step.
public struct SinkContract<Machine: SinkMachine> {
    private let machine: () throws -> Machine
    private let batches: [RecordBatch]
    private let clauses: Set<SinkClause>

    /// A check of a sink.
    ///
    /// - Parameters:
    ///   - batches: the rows of two batches or more; the last one is the one that is disturbed.
    ///   - clauses: what it promises: all, but for a sink that keeps nothing.
    ///   - machine: makes a machine on which nothing has happened.
    public init(
        batches: [RecordBatch], clauses: Set<SinkClause> = Set(SinkClause.allCases),
        machine: @escaping () throws -> Machine
    ) {
        precondition(batches.count > 1, "a batch to disturb comes after another")
        self.machine = machine
        self.batches = batches
        self.clauses = clauses
    }

    private var last: BatchID { BatchID(Int64(batches.count) - 1) }

    private func batch(_ number: BatchID, _ attempt: Attempt) -> SinkBatch {
        SinkBatch(
            number: number, rows: batches[Int(number.number)],
            plannedAt: Milliseconds(1_700_000_000_000 + number.number), attempt: attempt)
    }

    /// A machine with all batches but the last, and the sink open for that one.
    private func begun() throws -> (machine: Machine, sink: any Sink, receipts: [SinkReceipt]) {
        let machine = try self.machine()
        let sink = try machine.open()
        try sink.recover(SinkRecovery())
        var receipts: [SinkReceipt] = []
        for number in 0..<last.number {
            receipts = try sink.prepare(batch(BatchID(number), .first)).commit()
        }
        return (machine, sink, receipts)
    }

    /// Opens the sink on a machine that was started again, in the middle of the last batch.
    private func reopened(
        _ machine: Machine, _ receipts: [SinkReceipt]
    ) throws -> any Sink {
        let sink = try machine.open()
        try sink.recover(
            SinkRecovery(committed: last.previous, open: last, receipts: receipts))
        return sink
    }

    /// Every promise that the sink does not keep.
    ///
    /// - Throws: what the sink throws where nothing disturbs it.
    public func violations() throws -> [SinkViolation] {
        var found = SinkFindings()
        try checkWithdrawal(&found)
        try checkAbort(&found)
        let (done, receipts) = try checkCommit(&found)
        try checkVerify(done, receipts, &found)
        try checkCrashes(done, &found)
        return found.violations.filter { clauses.contains($0.clause) }
    }

    private func checkWithdrawal(_ found: inout SinkFindings) throws {
        let quiet = try self.machine()
        let before = try quiet.everything()
        let sink = try quiet.open()
        let first = quiet.calls
        try sink.recover(SinkRecovery())
        let calls = quiet.calls - first
        sink.withdraw()
        found.compare(before, try quiet.everything(), .withdrawalLeavesNothing)
        for call in 0..<calls {
            for attempts in 1...2 { try checkFailedBeginning(call, attempts, &found) }
        }
    }

    /// Withdraws a sink that a call failed as it began, tried once or a second time.
    private func checkFailedBeginning(
        _ call: Int, _ attempts: Int, _ found: inout SinkFindings
    ) throws {
        let machine = try self.machine()
        let before = try machine.everything()
        let sink = try machine.open()
        machine.planFailure(ofCall: machine.calls + call)
        for _ in 0..<attempts { try? sink.recover(SinkRecovery()) }
        sink.withdraw()
        found.compare(before, try machine.everything(), .withdrawalLeavesNothing)
    }

    private func checkAbort(_ found: inout SinkFindings) throws {
        let (machine, sink, _) = try begun()
        let (seen, before) = (try machine.visible(), try machine.everything())
        let prepared = try sink.prepare(batch(last, .first))
        found.compare(seen, try machine.visible(), .preparedIsUnseen)
        prepared.abort()
        found.compare(before, try machine.everything(), .abortLeavesNothing)
    }

    /// A machine with all batches, and what the last one's commit gave.
    private func checkCommit(
        _ found: inout SinkFindings
    ) throws -> (machine: Machine, receipts: [SinkReceipt]) {
        let (machine, sink, _) = try begun()
        let before = try machine.visible()
        let prepared = try sink.prepare(batch(last, .first))
        let receipts = try prepared.commit()
        let after = try machine.everything()
        if try machine.visible() == before {
            found.note(.commitShows, "nobody sees the batch")
        }
        if try prepared.commit() != receipts {
            found.note(.commitShows, "other receipts the second time")
        }
        found.compare(after, try machine.everything(), .commitShows)
        return (machine, receipts)
    }

    private func checkVerify(
        _ machine: Machine, _ receipts: [SinkReceipt], _ found: inout SinkFindings
    ) throws {
        let whole = try machine.open().verify(batch(last, .repeated), receipts)
        for sentence in whole { found.note(.verifyIsClean, sentence) }
        for receipt in receipts {
            for (index, damaged) in try machine.damaged(receipt).enumerated() {
                // A fault that is thrown is one that was found.
                let sentences =
                    (try? damaged.open().verify(batch(last, .repeated), receipts)) ?? ["thrown"]
                if sentences.isEmpty {
                    found.note(.verifyFindsDamage, "place \(index) of \(receipt)")
                }
            }
        }
    }

    private func checkCrashes(_ done: Machine, _ found: inout SinkFindings) throws {
        let (undisturbed, sink, earlier) = try begun()
        let seen = try undisturbed.visible()
        let first = undisturbed.steps
        let prepared = try sink.prepare(batch(last, .first))
        let committing = undisturbed.steps
        let receipts = try prepared.commit()
        let end = undisturbed.steps
        for step in first...end {
            for survival in [Survival.everything, .syncedOnly, .some(seed: UInt64(step))] {
                let (machine, sink, _) = try begun()
                machine.plan(crashAt: step)
                // Errors are expected once the machine is down.
                if let prepared = try? sink.prepare(batch(last, .first)) {
                    _ = try? prepared.commit()
                }
                let place = "step \(step - first) of \(end - first), \(survival)"
                let again = machine.restarted(survival)
                if step < committing {
                    found.compare(seen, try again.visible(), .preparedIsUnseen, place)
                }
                do {
                    let sink = try reopened(again, earlier)
                    let repeated = try sink.prepare(batch(last, .repeated)).commit()
                    if repeated != receipts {
                        found.note(.repeatChangesNothing, "other receipts after \(place)")
                    }
                    let clause: SinkClause = step == end ? .repeatChangesNothing : .crashIsSurvived
                    found.compare(
                        try done.everything(), try again.everything(), clause, place)
                } catch {
                    found.note(.crashIsSurvived, "\(error) after \(place)")
                }
            }
        }
    }
}

/// Collects violations, each clause's first few.
private struct SinkFindings {
    private(set) var violations: [SinkViolation] = []
    private static let perClause = 3

    mutating func note(_ clause: SinkClause, _ detail: String) {
        guard violations.count(where: { $0.clause == clause }) < Self.perClause else { return }
        violations.append(SinkViolation(clause: clause, detail: detail))
    }

    /// Notes where what is found is not what it should be.
    mutating func compare(
        _ expected: [String: [UInt8]], _ found: [String: [UInt8]], _ clause: SinkClause,
        _ place: String = ""
    ) {
        for name in Set(expected.keys).union(found.keys).sorted()
        where expected[name] != found[name] {
            let what =
                found[name] == nil ? "is gone" : expected[name] == nil ? "is there" : "is another"
            note(clause, "\(name) \(what)\(place.isEmpty ? "" : ", \(place)")")
        }
    }
}
