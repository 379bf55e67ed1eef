import Dispatch
import FuzzTargets
import Glibc
import Storage
import Synchronization
import TestSupport

// crash-sweep: brings simulated machines down and looks at what comes back.
//
//     crash-sweep crashes --seed 1 --seeds 100 [--partial 6] [--double-every 50]
//     crash-sweep faults --seed 1 --seeds 20
//     crash-sweep mutants --seeds 6 [--only compact]
//     crash-sweep rot --step 1
//     crash-sweep seeds FOLDER
//
// Every seed is a scenario of its own. A violation prints the seed and the place; the same seed
// shows it again.

let arguments = CommandLine.arguments.dropFirst()

func fail(_ message: String) -> Never {
    print("crash-sweep: \(message)")
    exit(2)
}

func number(_ option: String, _ fallback: Int) -> Int {
    guard let index = arguments.firstIndex(of: "--" + option) else { return fallback }
    guard index + 1 < arguments.endIndex, let value = Int(arguments[index + 1]), value >= 0 else {
        fail("--\(option) takes a number")
    }
    return value
}

func word(_ option: String) -> String? {
    guard let index = arguments.firstIndex(of: "--" + option) else { return nil }
    guard index + 1 < arguments.endIndex else { fail("--\(option) takes a word") }
    return arguments[index + 1]
}

/// Runs seeds on all processors; stops at the first violation.
func overSeeds(_ body: @escaping @Sendable (UInt64) throws -> Counts) -> Counts {
    let first = number("seed", 1)
    let count = number("seeds", 20)
    let total = Mutex(Counts())
    let failure = Mutex<String?>(nil)
    let next = Atomic<Int>(first)
    let threads = number("threads", max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
        while failure.withLock({ $0 == nil }) {
            let seed = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard seed < first + count else { return }
            do {
                let counts = try body(UInt64(seed))
                total.withLock { $0 += counts }
            } catch {
                failure.withLock { $0 = $0 ?? "\(error)" }
            }
        }
    }
    if let message = failure.withLock({ $0 }) {
        print("VIOLATION \(message)")
        exit(1)
    }
    return total.withLock { $0 }
}

/// Damages a file of each kind and prints what became of it.
func runRot() throws {
    let machines = try BitRot.machines()
    let step = number("step", 1)
    let files = machines.flatMap { machine in machine.files.map { (machine, $0.kind, $0.path) } }
    let rows = Mutex<[Int: String]>([:])
    let failure = Mutex<String?>(nil)
    DispatchQueue.concurrentPerform(iterations: files.count) { index in
        let (rot, kind, path) = files[index]
        do {
            let bits = try rot.flip(path, step: step)
            let lengths = try rot.cut(path, step: step)
            rows.withLock {
                $0[index] =
                    "| \(kind) | \(bits.tried) | \(bits.detected) | \(bits.repaired) | "
                    + "\(lengths.tried) | \(lengths.detected) | \(lengths.repaired) |"
            }
        } catch {
            failure.withLock { $0 = $0 ?? "\(error)" }
        }
    }
    if let message = failure.withLock({ $0 }) {
        print("VIOLATION \(message)")
        exit(1)
    }
    print("| file | bits | detected | harmless | lengths | detected | harmless |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows.withLock({ $0 }).sorted(by: { $0.key < $1.key }) { print(row.value) }
    // Between two runs there are files of every other kind, and earlier ones of them.
    let rot = machines[0]
    let swapped = try rot.swap()
    print("swapped \(swapped.tried), detected \(swapped.detected), harmless \(swapped.repaired)")
    let stale = try rot.restore(Reference(rot.scenario, watchesDiscipline: false).images)
    print("stale \(stale.tried), detected \(stale.detected), harmless \(stale.repaired)")
}

/// Writes the inputs from which fuzzing begins: `seeds FOLDER`.
func writeSeeds() throws {
    guard arguments.count == 2, let folder = arguments.last else { fail("seeds FOLDER") }
    let files = POSIXFileSystem()
    for target in FuzzTarget.allCases {
        let path = try Path(folder).appending(target.rawValue)
        try files.createDirectories(path)
        for (index, seed) in try fuzzSeeds(target).enumerated() {
            try files.createAtomically(
                path.appending("seed-\(index)"), mode: .replace, contents: seed)
        }
    }
}

/// Prints a row for each sabotage; fails when one goes unnoticed.
func runMutants() throws {
    let first = UInt64(number("seed", 1))
    let seeds = first..<first + UInt64(number("seeds", 6))
    let rows = Mutex<[Int: String]>([:])
    let missed = Atomic<Int>(0)
    let wanted = word("only") ?? ""
    let mutants = Mutants.all.filter {
        wanted.isEmpty
            || $0.description.utf8.split(separator: UInt8(ascii: " ")).contains {
                $0.starts(with: wanted.utf8)
            }
    }
    DispatchQueue.concurrentPerform(iterations: mutants.count) { index in
        let mutant = mutants[index]
        do {
            let verdict = try MutantRun(mutant: mutant, seeds: seeds).run()
            if !verdict.isCaught { missed.wrappingAdd(1, ordering: .relaxed) }
            let discipline = verdict.byDiscipline ? "yes" : "-"
            rows.withLock {
                $0[index] =
                    "| \(mutant.role?.rawValue ?? "any") | \(mutant.action.rawValue) | "
                    + "\(discipline) | \(verdict.bySweep ?? "-") |"
            }
        } catch {
            missed.wrappingAdd(1, ordering: .relaxed)
            rows.withLock { $0[index] = "| \(mutant) | \(error) | | |" }
        }
    }
    print("| file | sabotage | discipline checker | sweep without it |\n| --- | --- | --- | --- |")
    for row in rows.withLock({ $0 }).sorted(by: { $0.key < $1.key }) { print(row.value) }
    let count = missed.load(ordering: .relaxed)
    print("mutants \(mutants.count), caught \(mutants.count - count)")
    if count > 0 { exit(1) }
}

let begun = SystemTime().monotonicNanos()
switch arguments.first {
case "crashes":
    var options = CrashOptions()
    options.partial = number("partial", 6)
    options.doubleEvery = number("double-every", 0)
    let chosen = options
    let counts = overSeeds { seed in
        var run = CrashRun(try Reference(try Scenario(seed: seed)), chosen)
        try run.run()
        return run.counts
    }
    print("operations \(counts.operations)")
    print("crash points \(counts.points), distinct \(counts.distinct)")
    print("double crashes \(counts.doubles), distinct \(counts.distinctDoubles)")
case "faults":
    let counts = overSeeds { seed in
        var run = FaultRun(try Reference(try Scenario(seed: seed)))
        try run.run()
        return run.counts
    }
    print("faults \(counts.faulted), of these ended with an error \(counts.refused)")
case "rot":
    try runRot()
case "seeds":
    try writeSeeds()
case "mutants":
    try runMutants()
default:
    fail("give crashes, faults, mutants, rot or seeds")
}
print("seconds \(Double((SystemTime().monotonicNanos() - begun) / 1_000_000) / 1e3)")
