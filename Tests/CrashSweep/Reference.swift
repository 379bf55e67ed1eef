import Storage
import TestSupport

/// A scenario's undisturbed run: what it leaves, and the disk before each of its operations.
struct Reference {
    let scenario: Scenario
    let story: Story
    let images: [MachineImage]
    let expected: Outcome
    /// The phase of each operation.
    let phases: [Int]

    /// What is expected comes from a sound machine, also where a mutant runs.
    init(_ scenario: Scenario, mutant: Mutant? = nil, watchesDiscipline: Bool = true) throws {
        self.scenario = scenario
        let all = 0..<scenario.phases.count
        func machine(_ mutant: Mutant?, _ watches: Bool) throws -> SimulatedFileSystem {
            let files = SimulatedFileSystem(mutant: mutant, watchesDiscipline: watches)
            try files.createAtomically(
                Path(Scenario.inputPath), mode: .createNew, contents: scenario.input)
            return files.image.started(recording: true)
        }
        let sound = try machine(nil, watchesDiscipline)
        let undisturbed = Story(scenario, on: sound, time: scenario.seed, phases: all)
        if let error = undisturbed.error { throw Violation("the scenario itself fails: \(error)") }
        var expected = try Outcome(of: sound, scenario)
        if expected.start > 0 {
            // Rows that were trimmed are compared, too, where a disturbed run still has them.
            let before = Story(
                scenario, on: try machine(nil, false), time: scenario.seed,
                phases: 0..<scenario.phases.count - 1)
            let rows = try Outcome(of: before.files, scenario)
            (expected.rows, expected.start) = (rows.rows, rows.start)
        }
        self.expected = expected
        if let mutant {
            let files = try machine(mutant, watchesDiscipline)
            story = Story(scenario, on: files, time: scenario.seed, phases: all)
        } else {
            story = undisturbed
        }
        images = story.files.images
        let starts = story
        phases = images.indices.map { starts.phase(of: $0) }
    }
}
