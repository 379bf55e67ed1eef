import Dispatch
import Testing

@testable import Columnar

@Suite struct WorkersTests {
    private struct Failed: Error, Equatable { let index: Int }

    @Test(arguments: [1, 2, 5]) func resultsComeInOrder(threads: Int) {
        let squares = Workers(threads: threads).map(100) { $0 * $0 }
        #expect(squares == (0..<100).map { $0 * $0 })
        #expect(Workers(threads: threads).map(0) { $0 }.isEmpty)
    }

    @Test(arguments: [1, 2, 5]) func theFirstFailureIsThrown(threads: Int) {
        for _ in 0..<50 {
            let error = #expect(throws: Failed.self) {
                try Workers(threads: threads).map(20) { (index) throws(Failed) in
                    if index % 7 == 3 { throw Failed(index: index) }
                    return index
                }
            }
            #expect(error == Failed(index: 3))
        }
    }

    /// Where no thread is to be had, whoever asked does the work itself.
    @Test(arguments: [1, 2]) func twoThreadsMeetAndGoOnWithBothValues(threads: Int) throws {
        for round in 0..<200 {
            let meeting = Meeting<Int, String>()
            let beside = Background(threads: threads) {
                meeting.bring(first: round)
                return meeting.wait()
            }
            meeting.bring(second: "\(round)")
            // Where nobody came, this thread does both halves.
            beside.begin()
            #expect(meeting.wait() == (round, "\(round)"))
            #expect(try beside.wait() == (round, "\(round)"))
        }
    }

    @Test func workIsDoneWithoutThreads() throws {
        let none = WorkerThreads(threadsMax: 0)
        none.run { Issue.record("there is no thread that could do it") }
        let background = Background(threads: 2) { 7 }
        #expect(try background.wait() == 7)
        let failed = Background(threads: 1) { throw Failed(index: 3) }
        #expect(throws: Failed(index: 3)) { try failed.wait() }
    }

    @Test func threadsAreKept() {
        let threads = WorkerThreads(threadsMax: 2)
        let done = DispatchSemaphore(value: 0)
        for _ in 0..<100 { threads.run { done.signal() } }
        for _ in 0..<100 { #expect(done.wait(timeout: .now() + 60) == .success) }
    }

    /// Work within work has more than one thread, too, when there is one with nothing to do.
    @Test func workWithinWorkIsShared() {
        let workers = Workers(threads: 2)
        let sums = workers.map(2) { outer in
            if outer == 0 { return 0 }
            let arrived = [DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)]
            let met = workers.map(2) { inner in
                arrived[inner].signal()
                return arrived[1 - inner].wait(timeout: .now() + 60) == .success
            }
            #expect(met == [true, true], "two pieces at one time")
            return met.count
        }
        #expect(sums == [0, 2])
    }
}
