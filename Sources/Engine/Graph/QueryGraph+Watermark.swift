import Checkpoints
import ConnectorAPI
import KeyedState
import Operators

/// What checkpoints hold of watermarks, by name; of a watermark by split also of each split, named
/// `source/topic/partition`.
struct WatermarkRecord {
    /// The largest (event time - delay), ms; none before the first row.
    var maximaMs: [String: Int64] = [:]
    /// When the newest rows of a split came, ms.
    var receiptsMs: [String: Int64] = [:]
}

extension QueryGraph {
    /// Where each watermark stands.
    var watermarkRecord: WatermarkRecord {
        var record = WatermarkRecord()
        for (watermark, input) in zip(watermarks, tracker.inputs) {
            record.maximaMs[watermark.name] = input.watermarkMs
            for (lane, split) in input.splits ?? [:] {
                let name = recordedName(of: lane)
                record.maximaMs[name] = input.behind(split.maxEventTimeMs)
                record.receiptsMs[name] = split.newestReceiptMs
            }
        }
        return record
    }

    private func recordedName(of lane: Lane) -> String {
        "\(inputs[lane.source].name)/\(lane.group)/\(lane.number)"
    }

    /// Goes on from the maxima and the watermark that a checkpoint recorded.
    func restoreWatermark(_ record: WatermarkRecord, watermarkMs: Int64) {
        let restored = watermarks.enumerated().map { index, watermark in
            // Saturating: a recorded maximum is at most the largest time minus the delay.
            func seen(_ maximum: Int64) -> Int64 {
                let (time, overflow) = maximum.addingReportingOverflow(watermark.delayMs)
                return overflow ? Int64.max : time
            }
            let maximum = record.maximaMs[watermark.name].map(seen)
            guard watermark.scope == .split else {
                return WatermarkTracker.Input(delayMs: watermark.delayMs, maxEventTimeMs: maximum)
            }
            var splits: [Lane: SplitWatermark] = [:]
            for (name, maximum) in record.maximaMs {
                guard let lane = lane(recordedAs: name, of: index) else { continue }
                splits[lane] = SplitWatermark(
                    maxEventTimeMs: seen(maximum), newestReceiptMs: record.receiptsMs[name])
            }
            return WatermarkTracker.Input(
                delayMs: watermark.delayMs,
                maxEventTimeMs: splits.values.map(\.maxEventTimeMs).max() ?? maximum,
                splits: splits)
        }
        tracker = WatermarkTracker(inputs: restored, policy: policy, watermarkMs: watermarkMs)
    }

    /// The split of a name, if it moves a watermark.
    ///
    /// A topic may have a slash in its name, a number has none.
    private func lane(recordedAs name: String, of watermark: Int) -> Lane? {
        for input in inputs where input.watermarkIndex == watermark {
            guard name.hasPrefix(input.name + "/") else { continue }
            let split = name.dropFirst(input.name.count + 1)
            guard let slash = split.lastIndex(of: "/"),
                let number = Int(split[split.index(after: slash)...]), number >= 0
            else { continue }
            return Lane(source: input.source, group: String(split[..<slash]), number: number)
        }
        return nil
    }
}
