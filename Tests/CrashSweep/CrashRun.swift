import Storage
import TestSupport

/// Counts of a sweep.
struct Counts {
    /// Crashes: scenario × operation × what survived.
    var points = 0
    /// Of these, the ones that left a disk unlike all before, from which recovery was run.
    var distinct = 0
    /// Crashes during the recovery from a crash.
    var doubles = 0
    var distinctDoubles = 0
    /// Runs disturbed by a failing device, and of these the ones that ended with an error.
    var faulted = 0
    var refused = 0
    /// Operations of the scenarios.
    var operations = 0

    static func += (left: inout Counts, right: Counts) {
        left.points += right.points
        left.distinct += right.distinct
        left.doubles += right.doubles
        left.distinctDoubles += right.distinctDoubles
        left.faulted += right.faulted
        left.refused += right.refused
        left.operations += right.operations
    }
}

/// How much of a scenario is tried.
struct CrashOptions {
    /// Partial survivals at each operation, besides all and nothing.
    var partial = 6
    /// One in so many recoveries is itself brought down at each of its operations.
    var doubleEvery = 0
    /// The first operation, and whether the order is one in which what is wrong for a while is soon
    /// met.
    var first = 0
    var isSpread = false
}

extension Range<Int> {
    /// All of them, far apart one behind the other.
    var spread: [Int] {
        // Near the golden ratio, and without a common factor.
        var step = Swift.max(1, Int(Double(count) * 0.618))
        while (2..<step + 1).contains(where: { step % $0 == 0 && count % $0 == 0 }) { step += 1 }
        return indices.map { lowerBound + ($0 - lowerBound) * step % count }
    }
}

/// Brings a scenario down at each of its operations.
struct CrashRun {
    let reference: Reference
    let options: CrashOptions
    private(set) var counts = Counts()
    private var seen: Set<UInt64> = []

    init(_ reference: Reference, _ options: CrashOptions) {
        self.reference = reference
        self.options = options
    }

    private var scenario: Scenario { reference.scenario }

    private func survivals(_ operation: Int, _ salt: UInt64) -> [Survival] {
        [.everything, .syncedOnly]
            + (0..<UInt64(options.partial)).map {
                .some(seed: scenario.seed &* 1_000_003 &+ UInt64(operation) &* 131 &+ $0 &+ salt)
            }
    }

    /// Every crash of the scenario; throws at the first that is not survived.
    mutating func run() throws {
        if let broken = reference.story.files.indiscipline.first {
            throw Violation("scenario \(scenario.seed), undisturbed: \(broken)")
        }
        counts.operations += reference.images.count
        let operations = options.first..<reference.images.count
        for operation in options.isSpread ? operations.spread : Array(operations) {
            let image = reference.images[operation]
            let acknowledged = image.acknowledgedRows
            for survival in survivals(operation, 0) {
                counts.points += 1
                let after = image.after(survival)
                guard isNew(after, acknowledged, reference.phases[operation]) else { continue }
                counts.distinct += 1
                let isDoubled =
                    options.doubleEvery > 0 && counts.distinct % options.doubleEvery == 0
                try naming("operation \(operation) (\(step(operation))), \(survival)") {
                    let story = recover(
                        after, from: reference.phases[operation], acknowledged,
                        recording: isDoubled)
                    try story.check(reference.expected)
                    if isDoubled { try crashAgain(story) }
                }
            }
        }
    }

    /// Brings a recovery down at each of its operations.
    private mutating func crashAgain(_ first: Story) throws {
        for (operation, image) in first.files.images.enumerated() {
            let acknowledged = image.acknowledgedRows
            let phase = first.phase(of: operation)
            for survival in survivals(operation, 7).prefix(3) {
                counts.doubles += 1
                let after = image.after(survival)
                guard isNew(after, acknowledged, phase) else { continue }
                counts.distinctDoubles += 1
                try naming("then operation \(operation) of the recovery, \(survival)") {
                    try recover(after, from: phase, acknowledged, recording: false)
                        .check(reference.expected)
                }
            }
        }
    }

    private func recover(
        _ image: MachineImage, from phase: Int, _ acknowledged: Int64, recording: Bool
    ) -> Story {
        Story(
            scenario, on: image.started(recording: recording), time: scenario.seed &+ 1,
            phases: phase..<scenario.phases.count, acknowledged: acknowledged)
    }

    private mutating func isNew(
        _ image: MachineImage, _ acknowledged: Int64, _ phase: Int
    ) -> Bool {
        let facts = UInt64(bitPattern: acknowledged) &* 1_000_003 &+ UInt64(phase)
        return seen.insert(image.digest ^ facts &* 0x9e37_79b9_7f4a_7c15).inserted
    }

    private func step(_ operation: Int) -> String {
        let trace = reference.story.files.trace
        return operation < trace.count ? trace[operation].description : "the end"
    }

    private func naming(_ place: String, _ work: () throws -> Void) throws {
        do {
            try work()
        } catch {
            throw Violation("scenario \(scenario.seed), \(place): \(error)")
        }
    }
}
