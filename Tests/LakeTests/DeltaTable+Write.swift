import Columnar
import Lake
import Storage

extension DeltaTable {
    /// Prepares and commits a batch.
    func write(
        batch: Int64, rows: RecordBatch, keys: [String] = [], timestampMs: Int64
    ) throws(LakeError) -> [FileReceipt] {
        try commit(
            try prepare(batch: batch, rows: rows, keys: keys, timestampMs: timestampMs))
    }
}
