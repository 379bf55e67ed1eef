import Columnar
import Storage
import TestSupport
import Testing

@testable import Engine

/// Event time passes by a clock that the tests turn.
@Suite struct ReplayPaceTests {
    private let time = ManualTime()

    private static func seconds(_ count: Int64) -> EventTime {
        EventTime(micros: count * 1_000_000)
    }

    private func pace(_ speed: Double?) -> ReplayPace {
        ReplayPace(
            from: Self.seconds(100), through: Self.seconds(500), at: Self.seconds(100),
            speed: speed, time: time)
    }

    private func pass(seconds: UInt64) { time.sleep(nanos: seconds * 1_000_000_000) }

    @Test func timePassesAtASpeedThatMayChange() {
        let pace = pace(10)
        pass(seconds: 2)
        #expect(pace.state.moment == Self.seconds(120))
        pace.setSpeed(1)
        #expect(pace.state.moment == Self.seconds(120), "a change moves nothing")
        pass(seconds: 3)
        #expect(pace.state.moment == Self.seconds(123))
        pace.setSpeed(nil)
        #expect(pace.state.moment == nil, "everything has come")
    }

    @Test func aPauseHoldsIt() {
        let pace = pace(10)
        pass(seconds: 1)
        pace.setPaused(true)
        pass(seconds: 50)
        #expect(pace.state.moment == Self.seconds(110))
        #expect(pace.state.isHeld)
        pace.setPaused(false)
        #expect(!pace.state.isHeld)
        pass(seconds: 1)
        #expect(pace.state.moment == Self.seconds(120))
    }

    @Test func aJumpGoesForwardOnly() {
        let pace = pace(1)
        pass(seconds: 10)
        #expect(!pace.jump(to: Self.seconds(109)))
        #expect(pace.state.moment == Self.seconds(110))
        #expect(pace.jump(to: Self.seconds(200)))
        #expect(pace.state.moment == Self.seconds(200))
        pass(seconds: 1)
        #expect(pace.state.moment == Self.seconds(201))
    }

    @Test func aJumpInAPauseLetsItsRowsComeAndNoMore() {
        let pace = pace(1)
        pace.setPaused(true)
        #expect(pace.jump(to: Self.seconds(300)))
        #expect(!pace.state.isHeld, "what lies between is read")
        pass(seconds: 5)
        #expect(pace.state.moment == Self.seconds(300))
    }

    @Test func whatWasReadAsFastAsPossibleIsWhereASpeedGoesOn() {
        let pace = pace(nil)
        pace.hasRead(upTo: Self.seconds(400))
        pace.hasRead(upTo: Self.seconds(390))
        pass(seconds: 7)
        pace.setSpeed(2)
        pass(seconds: 1)
        #expect(pace.state.moment == Self.seconds(402))
    }

    @Test func timesBeyondAllAreTheEnd() {
        let pace = pace(1e300)
        pass(seconds: 1)
        #expect(pace.state.moment == nil)
        pace.end()
        pace.restart()
        #expect(pace.state.hasEnded && pace.state.isToRestart)
    }
}
