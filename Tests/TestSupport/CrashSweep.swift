/// Where and how a sweep brought the machine down.
public struct CrashPoint: Sendable, CustomStringConvertible {
    /// The operation that did not happen.
    public let operation: Int
    /// What it would have been.
    public let step: String
    /// What survived.
    public let survival: Survival

    /// The point, for a failure's message.
    public var description: String { "crash before operation \(operation) (\(step)), \(survival)" }
}

/// Runs a scenario, then again once for each of its operations and each kind of survival, with a
/// crash before that operation; `recover` gets the machine started again each time.
///
/// - Parameters:
///   - seeds: how many partial survivals are tried at each operation, besides all and nothing.
///   - step: one in so many pairs of an operation and a survival is tried, besides the end.
///   - mutant: what the simulated machine does wrong on purpose.
///   - prepare: brings a new machine to where the scenario starts.
///   - run: the scenario; errors are expected once the machine is down.
///   - recover: checks the restarted machine, and throws if what it finds must not be.
/// - Returns: how many crashes were survived.
/// - Throws: what `prepare`, `recover`, or `run` on a machine that is up, throws.
@discardableResult
public func sweepCrashes(
    seeds: UInt64 = 8, step: Int = 1, mutant: Mutant? = nil,
    prepare: (SimulatedFileSystem) throws -> Void = { _ in },
    run: (SimulatedFileSystem) throws -> Void,
    recover: (SimulatedFileSystem, CrashPoint) throws -> Void
) throws -> Int {
    let undisturbed = SimulatedFileSystem(mutant: mutant)
    try prepare(undisturbed)
    let first = undisturbed.operations
    try run(undisturbed)
    let trace = undisturbed.trace
    let survivals = [.everything, .syncedOnly] + (0..<seeds).map { Survival.some(seed: $0) }
    var survived = 0
    for operation in first...trace.count {
        for (index, survival) in survivals.enumerated() {
            // The survivals take turns, so that a slice has some of each.
            guard (operation + index) % step == 0 || operation == trace.count else { continue }
            let machine = SimulatedFileSystem(mutant: mutant)
            try prepare(machine)
            machine.plan(.crash, at: operation)
            do {
                try run(machine)
            } catch  where machine.isDown {
                // As it must be.
            }
            let step = operation < trace.count ? trace[operation].description : "the end"
            let point = CrashPoint(operation: operation, step: step, survival: survival)
            try recover(machine.restarted(survival), point)
            survived += 1
        }
    }
    return survived
}
