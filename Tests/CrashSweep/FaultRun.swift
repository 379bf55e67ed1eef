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

    /// Every fault at every operation; throws at the first wrong outcome.
    mutating func run() throws {
        var random = SeededGenerator(seed: scenario.seed ^ 0xFA017)
        for (phase, start) in reference.story.starts {
            let image = reference.images[start]
            let end =
                reference.story.starts.first { $0.phase == phase + 1 }?.operation
                ?? reference.story.files.operations
            let reads = readCount(image, phase)
            for fault in Fault.allCases {
                let places: Int
                switch fault {
                case .readOnce, .readsFromHereOn: places = reads
                default: places = end - start
                }
                for place in 0..<places {
                    // Whether power is lost as well, or only the process ends.
                    let survival: Survival =
                        Bool.random(using: &random) ? .everything : .some(seed: random.next())
                    let bytes = Int.random(in: 0...3_000, using: &random)
                    do {
                        try disturb(image, phase, fault, at: place, bytes, survival)
                    } catch {
                        throw Violation(
                            "scenario \(scenario.seed), \(fault) at \(place) of phase \(phase) "
                                + "(\(step(start + place))), \(bytes) bytes, \(survival): \(error)")
                    }
                }
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

    private mutating func disturb(
        _ image: MachineImage, _ phase: Int, _ fault: Fault, at place: Int, _ bytes: Int,
        _ survival: Survival
    ) throws {
        let files = image.started()
        switch fault {
        case .errorOnce: files.plan(.failure(.inputOutput), at: place)
        case .errorFromHereOn: files.plan(.failure(.inputOutput), from: place)
        case .fullOnce: files.plan(.failure(.noSpace), at: place)
        case .fullFromHereOn: files.plan(.failure(.noSpace), from: place)
        case .shortWrite:
            files.plan(.shortWrite(bytes: bytes % 700, .noSpace), at: place)
        case .fullDisk: files.limit(toBytes: files.usedBytes + place * 61 % 9_000 + bytes % 61)
        case .readOnce: files.planReadFailure(at: place, isLasting: false)
        case .readsFromHereOn: files.planReadFailure(at: place, isLasting: true)
        }
        counts.faulted += 1
        let disturbed = Story(
            scenario, on: files, time: scenario.seed, phases: phase..<phase + 1)
        if let broken = files.indiscipline.first { throw Violation(broken) }
        if let error = disturbed.error {
            if let violation = error as? Violation { throw violation }
            counts.refused += 1
            if fault.sparesRemovals, let left = files.image.firstStagedByTable {
                throw Violation("\(left) is left of a batch that failed: \(error)")
            }
        }
        let after = files.image
        let again = Story(
            scenario, on: after.started(survival), time: scenario.seed &+ 2,
            phases: phase..<scenario.phases.count, acknowledged: after.acknowledgedRows)
        try again.check(reference.expected)
    }
}
