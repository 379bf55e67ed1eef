import Columnar
import Engine
import JSON

/// How a replay stands, and what a page may ask of it, as messages have it.
enum ReplayText {
    /// The slowest and the fastest pace that a page may ask for, but for as fast as possible.
    static let speeds = 0.01...1_000_000.0

    /// How a replay stands: `speed` is null for as fast as possible, times are milliseconds.
    static func json(of replay: ReplayPace) -> JSONValue {
        let state = replay.state
        return .object([
            ("speed", state.speed.map { .double($0) } ?? .null),
            ("paused", .bool(state.isPaused)),
            ("at", state.moment.map { .integer(millis($0)) } ?? .null),
            ("from", .integer(millis(state.first))), ("to", .integer(millis(state.last))),
            ("ended", .bool(state.hasEnded)),
        ])
    }

    /// Does what a message asks: `{"pause":true}`, `{"speed":10}`, `{"speed":"max"}`,
    /// `{"jump":MILLISECONDS}` or `{"restart":true}`.
    ///
    /// - Returns: why it cannot be done, for a page to show; nil when it is done.
    static func obey(_ wanted: JSONValue, _ replay: ReplayPace) -> String? {
        if let pause = wanted["pause"]?.boolValue {
            replay.setPaused(pause)
        } else if wanted["speed"]?.stringValue == "max" {
            replay.setSpeed(nil)
        } else if let speed = wanted["speed"]?.doubleValue, speeds.contains(speed) {
            replay.setSpeed(speed)
        } else if let ms = wanted["jump"]?.int64Value, ms.magnitude < 1 << 53 {
            guard replay.jump(to: EventTime(Milliseconds(ms))) else {
                return
                    "A replay goes forward, since state has an order; begin anew to see what was "
                    + "before."
            }
        } else if wanted["restart"]?.boolValue == true {
            replay.restart()
        } else {
            return "A replay is paused, given a speed, sent forward to a time, or begun anew."
        }
        return nil
    }

    private static func millis(_ time: EventTime) -> Int64 { floorDivide(time.micros, 1_000) }
}
