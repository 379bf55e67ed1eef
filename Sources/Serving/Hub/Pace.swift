/// How often frames go out: at once while that costs little, and less often while it costs more.
struct Pace {
    /// The pauses between frames, ns.
    static let steps: [UInt64] = [0, 16_000_000, 50_000_000, 250_000_000]
    /// The share of the machine's processors above which the next pause is taken.
    private static let shareMax = 0.05
    private static let windowNanos: UInt64 = 200_000_000

    private let processors: Double
    private var step = 0
    private var windowNanos: UInt64
    private var windowBusyNanos: UInt64

    /// At once, for a machine of so many processors; the times are the clock's, and what the thread
    /// has used of a processor.
    init(processors: Int, nowNanos: UInt64, busyNanos: UInt64) {
        self.processors = Double(max(1, processors))
        windowNanos = nowNanos
        windowBusyNanos = busyNanos
    }

    /// The pause between frames, ns.
    var pauseNanos: UInt64 { Self.steps[step] }

    /// Looks at what the thread has used since the last look.
    mutating func look(nowNanos: UInt64, busyNanos: UInt64) {
        let passed = nowNanos.since(windowNanos)
        guard passed >= Self.windowNanos else { return }
        let share = Double(busyNanos.since(windowBusyNanos)) / Double(passed) / processors
        if share > Self.shareMax {
            step = min(step + 1, Self.steps.count - 1)
        } else if share < Self.shareMax / 3 {
            step = max(step - 1, 0)
        }
        windowNanos = nowNanos
        windowBusyNanos = busyNanos
    }
}

extension UInt64 {
    /// How much later this moment is than another; none if it is earlier, as moments of one turn may
    /// be noted in any order.
    func since(_ earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}
