// What a supervisor asks: whether both loops turn, and whether the run goes on.
extension PageServer {
    /// How long the engine's loop may stand still outside of a batch and still be called alive.
    private static let aliveNanos: UInt64 = 10_000_000_000

    /// 200 while the engine's loop turns or runs a batch, however long that takes; this loop turns, or
    /// nobody would answer.
    var health: HTTPAnswer {
        let now = nowNanos
        var lines = ["alive"]
        var status: UInt32 = 200
        if job.hasEngine {
            let (line, fault) = engineHealth(now)
            if let fault { (status, lines[0]) = (503, fault) }
            lines.append("engine: " + line)
        }
        lines.append("server: turned \(Self.seconds(now.since(turnedAtNanos))) ago")
        return .text(status, lines.joined(separator: "\n"))
    }

    /// What the engine's loop does, and what is wrong with that.
    private func engineHealth(_ now: UInt64) -> (line: String, fault: String?) {
        switch facts.state {
        case .failed:
            return ("failed", "the run failed: \(facts.reason ?? "")")
        case .stopped: return ("stopped", nil)
        case .starting, .recovering: return ("not begun: logs are filled, state is restored", nil)
        case .running, .waiting: break
        }
        guard let turned = hub.engineTurnedAtNanos else { return ("begins", nil) }
        let silent = now.since(turned)
        let line = "turned \(Self.seconds(silent)) ago"
        if let running = facts.running {
            return (
                line + ", in batch \(running.batch) for "
                    + Self.seconds(now.since(running.sinceNanos)), nil
            )
        }
        guard silent > Self.aliveNanos else { return (line, nil) }
        return (line, "the engine's loop stands still, outside of a batch")
    }

    /// 200 while the run can be expected to commit, else why not.
    var readiness: HTTPAnswer {
        if !job.hasEngine || facts.isReady { return .text(200, "ready") }
        switch facts.state {
        case .failed: return .text(503, "the run failed: \(facts.reason ?? "")")
        case .stopped: return .text(503, "the run has stopped")
        case .starting, .recovering: return .text(503, "the checkpoint is being restored")
        case .running, .waiting:
            return .text(503, "a batch is tried again: \(facts.fault ?? "")")
        }
    }

    private static func seconds(_ nanos: UInt64) -> String {
        let millis = nanos / 1_000_000
        let fraction = String(millis % 1_000)
        return "\(millis / 1_000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
            + " s"
    }
}
