import Storage

/// The times of one batch, taken lap by lap: each lap is booked once, for Spark's durations by phase
/// and for the profile by stage.
struct BatchTimer: Sendable {
    /// A phase of a batch, as Spark names them.
    typealias Phase = WritableKeyPath<StageDurations, UInt64>

    /// Where it reads the time.
    let time: any TimeSource
    /// When it began, ns.
    let begunNanos: UInt64
    /// When the last lap ended, ns.
    private(set) var lapNanos: UInt64
    private(set) var durations = StageDurations()
    private(set) var profile = BatchProfile()

    /// Begins the first lap.
    init(_ time: any TimeSource) {
        self.time = time
        begunNanos = time.monotonicNanos()
        lapNanos = begunNanos
    }

    /// Ends a lap of one thread, all of it of one stage; without a phase it is nobody's in Spark.
    mutating func lap(_ phase: Phase?, _ stage: BatchProfile.Stage) {
        let wall = endLap()
        if let phase { durations[keyPath: phase] += wall }
        profile.add(wall: wall, [(stage, wall)])
    }

    /// Ends a lap in which two phases ran side by side: it is shared out as threads were busy.
    mutating func lap(
        _ first: (phase: Phase, nanos: UInt64), beside second: (phase: Phase, nanos: UInt64),
        _ stages: [(stage: BatchProfile.Stage, nanos: UInt64)]
    ) {
        let wall = endLap()
        let busy = max(1, Double(first.nanos) + Double(second.nanos))
        let share = min(wall, UInt64(Double(wall) * (Double(first.nanos) / busy)))
        durations[keyPath: first.phase] += share
        durations[keyPath: second.phase] += wall - share
        profile.add(wall: wall, stages)
    }

    /// Does the work of a lap; its syncs are a stage of their own.
    mutating func measure<Result>(
        _ phase: Phase, _ stage: BatchProfile.Stage, _ work: () throws -> Result
    ) rethrows -> Result {
        let (result, measured) = try MeasuredWork.measure(time, work)
        let wall = endLap()
        durations[keyPath: phase] += wall
        profile.add(wall: wall, measured.stages(stage))
        return result
    }

    /// Adds the laps of another part of the batch, which another timer took.
    mutating func add(_ other: BatchTimer) {
        durations.add(other.durations)
        profile.add(other.profile)
    }

    /// Ends the batch, which took this long in all.
    mutating func end(wall: UInt64) {
        durations.triggerExecution = wall
        profile.fit(wall: wall)
    }

    private mutating func endLap() -> UInt64 {
        let now = time.monotonicNanos()
        defer { lapNanos = now }
        return now - lapNanos
    }
}

/// A piece of work on one thread, measured.
struct MeasuredWork: Sendable {
    /// All of it, ns.
    let nanos: UInt64
    /// Waiting for syncs, ns.
    let syncNanos: UInt64

    /// Does the work.
    static func measure<Result>(
        _ time: any TimeSource, _ work: () throws -> Result
    ) rethrows -> (Result, MeasuredWork) {
        let begun = time.monotonicNanos()
        let synced = SyncTime.nanosOfThisThread
        let result = try work()
        let nanos = time.monotonicNanos() - begun
        return (
            result,
            MeasuredWork(
                nanos: nanos, syncNanos: min(nanos, SyncTime.nanosOfThisThread - synced))
        )
    }

    /// The time under a stage's name, but for the syncs.
    func stages(_ stage: BatchProfile.Stage) -> [(stage: BatchProfile.Stage, nanos: UInt64)] {
        [(stage, nanos - syncNanos), (.syncs, syncNanos)]
    }
}
