import Checkpoints
import ConnectorAPI
import Storage
import Testing

/// Small layouts, all of them: a layout is legal in exactly the ways that the protocol can leave
/// it, and everything else is refused.
@Suite struct RecoveryDecisionTests {
    enum Presence: CaseIterable {
        case absent
        case intact
        case damaged
    }

    static let identity = CheckpointIdentity("0f8fad5b-d9cb-469f-a165-70867728950e")
    static let batches: Int64 = 4

    /// The entries of a query that ran undisturbed; links are any distinct numbers.
    static func offsets(_ number: Int64, retainedFrom: Int64 = 0) throws -> LoggedOffsets {
        let root = try #require(identity).rootLink
        return LoggedOffsets(
            entry: OffsetsEntry(
                batch: BatchID(number), watermarkMs: 1000 * number, timestampMs: 7 + number,
                sources: [SourceRange(name: "s", offsets: OffsetRange(only: number..<number + 1))]),
            previous: number == 0 ? root : UInt64(100 + number - 1),
            retainedFrom: BatchID(retainedFrom), link: UInt64(100 + number))
    }

    static func commit(_ number: Int64) throws -> LoggedCommit {
        let root = try #require(identity).rootLink
        return LoggedCommit(
            entry: CommitEntry(batch: BatchID(number), nextWatermarkMs: 1000 * number + 500),
            previous: number == 0 ? root : UInt64(200 + number - 1), offsets: UInt64(100 + number),
            link: UInt64(200 + number))
    }

    static func damage(_ path: String) -> CheckpointError {
        CheckpointError(.damaged, path: path, detail: "d", remedy: "r")
    }

    /// A layout from what stands at offsets 0…3 and commits 0…3.
    static func facts(
        _ offsets: [Presence], _ commits: [Presence], identity presence: Presence = .intact,
        hasState: Bool = false, retainedFrom: Int64 = 0
    ) throws -> CheckpointFacts {
        let known = try #require(identity)
        var facts = CheckpointFacts(
            path: "c", identity: .intact(known), offsets: [:], commits: [:], hasState: hasState)
        switch presence {
        case .absent: facts.identity = nil
        case .intact: break
        case .damaged: facts.identity = .damaged(damage("c/metadata"))
        }
        for (index, presence) in offsets.enumerated() where presence != .absent {
            let number = Int64(index)
            facts.offsets[BatchID(number)] =
                presence == .intact
                ? .intact(try self.offsets(number, retainedFrom: min(number, retainedFrom)))
                : .damaged(damage("c/offsets/\(number)"))
        }
        for (index, presence) in commits.enumerated() where presence != .absent {
            let number = Int64(index)
            facts.commits[BatchID(number)] =
                presence == .intact
                ? .intact(try commit(number)) : .damaged(damage("c/commits/\(number)"))
        }
        return facts
    }

    /// What the protocol can leave behind, and what follows: the oracle.
    static func legalLayouts() throws -> [[Presence]: RecoveryDecision] {
        var legal: [[Presence]: RecoveryDecision] = [:]
        func layout(_ planned: Int64, _ committed: Int64) -> [Presence] {
            let both = [planned, committed].map { count in
                (0..<batches).map { $0 < count ? Presence.intact : .absent }
            }
            return both[0] + both[1]
        }
        legal[layout(0, 0)] = .fresh
        for newest in 0..<batches {
            let plan = try offsets(newest).entry
            legal[layout(newest + 1, newest)] = .rerun(
                RerunPoint(
                    offsets: plan, lastCommit: newest == 0 ? nil : try commit(newest - 1).entry,
                    lateWatermarkMs: max(0, 1000 * (newest - 1))))
            legal[layout(newest + 1, newest + 1)] = .resume(
                ResumePoint(
                    next: BatchID(newest + 1), lastOffsets: plan,
                    lastCommit: try commit(newest).entry, watermarkMs: 1000 * newest + 500,
                    lateWatermarkMs: 1000 * newest))
        }
        return legal
    }

    static func everyLayout() -> [[Presence]] {
        (0..<8).reduce([[]]) { layouts, _ in
            layouts.flatMap { layout in Presence.allCases.map { layout + [$0] } }
        }
    }

    @Test func everyLayoutIsDecidedOrRefused() throws {
        let legal = try Self.legalLayouts()
        var decided = 0
        for layout in Self.everyLayout() {
            let facts = try Self.facts(Array(layout[..<4]), Array(layout[4...]))
            do throws(CheckpointError) {
                let decision = try decideRecovery(facts)
                guard decision == legal[layout] else {
                    Issue.record("\(layout): \(decision)")
                    continue
                }
                decided += 1
            } catch {
                guard legal[layout] == nil else {
                    Issue.record("\(layout) is legal, but: \(error)")
                    continue
                }
                checkNamesTheFault(error, layout)
            }
        }
        #expect(decided == legal.count && decided == 9)
    }

    /// The file that an error names is indeed missing or damaged.
    private func checkNamesTheFault(_ error: CheckpointError, _ layout: [Presence]) {
        let part = error.path.split(separator: "/")
        guard part.count == 3, part[0] == "c", let number = Int(part[2]), number < 4 else {
            Issue.record("\(layout): \(error)")
            return
        }
        let found = layout[(part[1] == "offsets" ? 0 : 4) + number]
        let expected: CheckpointError.Code = found == .absent ? .missingEntry : .damaged
        if found == .intact || error.code != expected { Issue.record("\(layout): \(error)") }
    }

    @Test func withoutMetadataOnlyNothingIsFresh() throws {
        for layout in Self.everyLayout() {
            for hasState in [false, true] {
                let facts = try Self.facts(
                    Array(layout[..<4]), Array(layout[4...]), identity: .absent,
                    hasState: hasState)
                let isEmpty = layout.allSatisfy { $0 == .absent } && !hasState
                do throws(CheckpointError) {
                    let decision = try decideRecovery(facts)
                    if !isEmpty || decision != .fresh { Issue.record("\(layout): \(decision)") }
                } catch {
                    if isEmpty || error.code != .missingMetadata || error.path != "c/metadata" {
                        Issue.record("\(layout): \(error)")
                    }
                }
            }
        }
    }

    @Test func damagedMetadataIsAlwaysRefused() throws {
        for layout in Self.everyLayout() {
            let facts = try Self.facts(
                Array(layout[..<4]), Array(layout[4...]), identity: .damaged)
            #expect(throws: Self.damage("c/metadata")) { try decideRecovery(facts) }
        }
    }

    @Test func stateWithoutOffsetsIsRefused() throws {
        let absent = [Presence](repeating: .absent, count: 4)
        let facts = try Self.facts(absent, absent, hasState: true)
        #expect(fault { try decideRecovery(facts) } == .missingEntry)
    }

    /// A purge may have removed any of the files before the oldest retained batch, and a crash
    /// may have brought any of them back, whole or not.
    @Test func whatIsNotRetainedDoesNotCount() throws {
        let intact = [Presence](repeating: .intact, count: 4)
        let expected = try decideRecovery(Self.facts(intact, intact, retainedFrom: 2))
        for old in Self.everyLayout().map({ Array($0[..<4]) }) {
            let facts = try Self.facts(
                [old[0], old[1], .intact, .intact], [old[2], old[3], .intact, .intact],
                retainedFrom: 2)
            if try decideRecovery(facts) != expected { Issue.record("\(old)") }
        }
    }

    @Test(arguments: [3, 4, Int64.max])
    func retainingTooLittleIsRefused(retainedFrom: Int64) throws {
        let intact = [Presence](repeating: .intact, count: 4)
        var facts = try Self.facts(intact, intact)
        var last = try Self.offsets(3)
        last.retainedFrom = BatchID(retainedFrom)
        facts.offsets[BatchID(3)] = .intact(last)
        #expect(fault { try decideRecovery(facts) } == .damaged)
    }

    @Test(arguments: 0..<Int64(4))
    func entryThatDoesNotFollowIsRefused(number: Int64) throws {
        let intact = [Presence](repeating: .intact, count: 4)
        let good = try Self.facts(intact, intact)
        let batch = BatchID(number)

        var facts = good
        var plan = try Self.offsets(number)
        plan.previous ^= 1
        facts.offsets[batch] = .intact(plan)
        #expect(fault { try decideRecovery(facts) } == .brokenLink)

        var commit = try Self.commit(number)
        commit.previous ^= 1
        facts = good
        facts.commits[batch] = .intact(commit)
        #expect(fault { try decideRecovery(facts) } == .brokenLink)

        commit = try Self.commit(number)
        commit.offsets ^= 1
        facts.commits[batch] = .intact(commit)
        #expect(fault { try decideRecovery(facts) } == .brokenLink)
    }

    @Test func batchThatStartsElsewhereIsRefused() throws {
        let intact = [Presence](repeating: .intact, count: 4)
        var facts = try Self.facts(intact, intact)
        var plan = try Self.offsets(2)
        plan.entry.sources = [SourceRange(name: "s", offsets: OffsetRange(only: 9..<10))]
        facts.offsets[BatchID(2)] = .intact(plan)
        #expect(fault { try decideRecovery(facts) } == .inconsistent)
    }

    /// A split may be new in a batch; one that was there goes on where it was.
    @Test func splitsStartWhereTheyEndedOrAreNew() throws {
        let intact = [Presence](repeating: .intact, count: 4)
        func decision(_ ends: [SplitID: Int64], _ starts: [SplitID: Int64]) throws -> Any {
            var facts = try Self.facts(intact, intact)
            for (number, offsets) in [(2, ends), (3, starts)] {
                var plan = try Self.offsets(Int64(number))
                plan.entry.sources = [
                    SourceRange(name: "t", offsets: OffsetRange(emptyAt: SourceOffsets(offsets)))
                ]
                facts.offsets[BatchID(Int64(number))] = .intact(plan)
            }
            return try decideRecovery(facts)
        }
        let (a, b) = (SplitID("t", 0), SplitID("t", 1))
        #expect(fault { try decision([a: 5], [a: 5, b: 70]) } == nil)
        #expect(fault { try decision([a: 5, b: 6], [a: 5]) } == nil)
        #expect(fault { try decision([a: 5, b: 6], [a: 5, b: 7]) } == .inconsistent)
    }

    @Test func watermarkOfTheNextBatchNeverMovesBack() throws {
        var facts = try Self.facts(
            [.intact, .absent, .absent, .absent], [.intact, .absent, .absent, .absent])
        var plan = try Self.offsets(0)
        plan.entry.watermarkMs = 90_000
        facts.offsets[.first] = .intact(plan)
        guard case .resume(let point) = try decideRecovery(facts) else {
            Issue.record("batch 0 is complete")
            return
        }
        #expect(point.watermarkMs == 90_000)
    }
}

/// The code of the checkpoint's fault that an action throws, nil if it throws none.
func fault(_ action: () throws -> Any) -> CheckpointError.Code? {
    do {
        _ = try action()
        return nil
    } catch {
        return (error as? CheckpointError)?.code
    }
}
