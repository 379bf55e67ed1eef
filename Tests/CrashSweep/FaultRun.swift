import Storage
import TestSupport

/// Lets a device fail at each operation of a scenario instead of bringing the machine down.
///
/// The process that meets the fault may go on or end with an error. Then a new one starts, on the
/// machine as it is or after a loss of power, on a device that works, and must come to the
/// undisturbed outcome.
struct FaultRun {
    /// What fails, from an operation on.
    private enum Fault: CaseIterable {
        case errorOnce
        case errorFromHereOn
        case fullOnce
        case fullFromHereOn
        case shortWrite
        case fullDisk
        case readOnce
        case readsFromHereOn

        /// Whether it strikes reads instead of operations.
        var isOfReads: Bool { self == .readOnce || self == .readsFromHereOn }

        /// Whether files can be removed after it.
        var sparesRemovals: Bool {
            switch self {
            case .errorOnce, .fullOnce, .shortWrite, .fullDisk, .readOnce: true
            case .errorFromHereOn, .fullFromHereOn, .readsFromHereOn: false
            }
        }
    }

    let reference: Reference
    private(set) var counts = Counts()

    init(_ reference: Reference) { self.reference = reference }

    private var scenario: Scenario { reference.scenario }

    /// A fault and where it strikes.
    private struct Place {
        let phase: Int
        let start: Int
        let fault: Fault
        let call: Int
    }

    /// Every fault at every operation.
    private var places: [Place] {
        reference.story.starts.flatMap { phase, start in
            let end =
                reference.story.starts.first { $0.phase == phase + 1 }?.operation
                ?? reference.story.files.operations
            let reads = readCount(reference.images[start], phase)
            return Fault.allCases.flatMap { fault in
                (0..<(fault.isOfReads ? reads : end - start)).map {
                    Place(phase: phase, start: start, fault: fault, call: $0)
                }
            }
        }
    }

    /// Tries every place, in order or far apart one behind the other; throws at the first wrong
    /// outcome.
    mutating func run(isSpread: Bool = false) throws {
        var random = SeededGenerator(seed: scenario.seed ^ 0xFA017)
        let places = self.places
        for index in isSpread ? places.indices.spread : Array(places.indices) {
            let place = places[index]
            // Whether power is lost as well, or only the process ends.
            let survival: Survival =
                Bool.random(using: &random) ? .everything : .some(seed: random.next())
            let bytes = Int.random(in: 0...3_000, using: &random)
            do {
                try disturb(place, bytes, survival)
            } catch {
                throw Violation(
                    "scenario \(scenario.seed), \(place.fault) at \(place.call) of phase "
                        + "\(place.phase) (\(step(place.start + place.call))), \(bytes) bytes, "
                        + "\(survival): \(error)")
            }
        }
    }

    private func readCount(_ image: MachineImage, _ phase: Int) -> Int {
        let files = image.started()
        _ = Story(scenario, on: files, time: scenario.seed, phases: phase..<phase + 1)
        return files.reads
    }

    private func step(_ operation: Int) -> String {
        let trace = reference.story.files.trace
        return operation < trace.count ? trace[operation].description : "the end"
    }

    private func plan(_ fault: Fault, at call: Int, _ bytes: Int, on files: SimulatedFileSystem) {
        switch fault {
        case .errorOnce: files.plan(.failure(.inputOutput), at: call)
        case .errorFromHereOn: files.plan(.failure(.inputOutput), from: call)
        case .fullOnce: files.plan(.failure(.noSpace), at: call)
        case .fullFromHereOn: files.plan(.failure(.noSpace), from: call)
        case .shortWrite:
            files.plan(.shortWrite(bytes: bytes % 700, .noSpace), at: call)
        case .fullDisk: files.limit(toBytes: files.usedBytes + call * 61 % 9_000 + bytes % 61)
        case .readOnce: files.planReadFailure(at: call, isLasting: false)
        case .readsFromHereOn: files.planReadFailure(at: call, isLasting: true)
        }
    }

    private mutating func disturb(_ place: Place, _ bytes: Int, _ survival: Survival) throws {
        let (phase, fault) = (place.phase, place.fault)
        let files = reference.images[place.start].started()
        plan(fault, at: place.call, bytes, on: files)
        counts.faulted += 1
        let disturbed = Story(
            scenario, on: files, time: scenario.seed, phases: phase..<phase + 1)
        // Where a machine did nothing wrong, it is like a sound one.
        let isSabotaged = files.mutant?.isOfMachine ?? false
        if isSabotaged, files.firstSabotage == nil { return }
        if let broken = files.indiscipline.first { throw Violation(broken) }
        if let error = disturbed.error {
            if let violation = error as? Violation { throw violation }
            counts.refused += 1
            if fault.sparesRemovals, let left = files.image.firstStagedByTable {
                throw Violation("\(left) is left of a batch that failed: \(error)")
            }
        }
        let after = files.image
        // What a sabotage put at stake is lost when all is that can be.
        for survival in isSabotaged ? [.syncedOnly, survival] : [survival] {
            let again = Story(
                scenario, on: after.started(survival), time: scenario.seed &+ 2,
                phases: phase..<scenario.phases.count, acknowledged: after.acknowledgedRows)
            try again.check(reference.expected)
        }
        if isSabotaged, fault == .errorOnce {
            for steps in 1...12 { try cut(place, after: steps) }
        }
    }

    /// Lets the machine go down some operations behind a fault, before what follows mends what a
    /// sabotage made of it.
    private func cut(_ place: Place, after steps: Int) throws {
        let files = reference.images[place.start].started()
        plan(place.fault, at: place.call, 0, on: files)
        files.plan(.crash, at: place.call + steps)
        _ = Story(
            scenario, on: files, time: scenario.seed, phases: place.phase..<place.phase + 1)
        guard files.isDown else { return }
        let image = files.image
        let again = Story(
            scenario, on: image.started(.syncedOnly), time: scenario.seed &+ 2,
            phases: place.phase..<scenario.phases.count, acknowledged: image.acknowledgedRows)
        try again.check(reference.expected)
    }
}
