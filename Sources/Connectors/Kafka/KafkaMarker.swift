import ConnectorAPI
import JSON
import Storage

/// What a sink leaves in its group with every batch: the number of the next batch as an offset, and
/// this as the offset's metadata.
///
/// It is committed in the batch's own transaction, so that it is there
/// if and only if the batch is.
struct KafkaMarker: Hashable, Sendable {
    /// The next batch's number.
    let next: Int64
    /// The checkpoint whose batches are counted.
    let checkpoint: String
    /// How many messages the newest batch that had any has.
    let rows: Int64
    /// XXH3 of their keys and values.
    let checksum: UInt64

    /// The newest batch that is published; -1 before the first.
    var published: Int64 { next - 1 }

    /// The metadata.
    var text: String {
        JSONValue.object([
            ("checkpoint", .string(checkpoint)), ("rows", .integer(rows)),
            ("xxh3", .string(Checksum.hex(checksum))),
        ]).text()
    }

    init(next: Int64, checkpoint: String, rows: Int64 = 0, checksum: UInt64 = 0) {
        self.next = next
        self.checkpoint = checkpoint
        self.rows = rows
        self.checksum = checksum
    }

    /// What a group has; `nil` where it is no marker of a sink.
    init?(offset: Int64, metadata: String) {
        guard offset >= 0, let value = try? JSONValue.parse(metadata),
            let checkpoint = value["checkpoint"]?.stringValue, let rows = value["rows"]?.int64Value,
            let checksum = value["xxh3"]?.stringValue.flatMap({ Checksum.parseHex($0) })
        else { return nil }
        self.init(next: offset, checkpoint: checkpoint, rows: rows, checksum: checksum)
    }

    /// The receipt of a batch that is published.
    var receipt: SinkReceipt { .external("rows \(rows) xxh3 \(Checksum.hex(checksum))") }
}

/// How a sink goes on after its marker was read.
struct KafkaSinkResume: Hashable, Sendable {
    /// The newest batch that is published; -1 for none.
    let published: Int64
    /// Whether the marker is to be set before anything else.
    let setsMarker: Bool

    init(published: Int64, setsMarker: Bool) {
        self.published = published
        self.setsMarker = setsMarker
    }

    /// Decides from the marker and the checkpoint.
    ///
    /// - Parameters:
    ///   - marker: what the group has.
    ///   - checkpoint: the identity of the job's checkpoint.
    ///   - last: where the checkpoint stands.
    ///   - topic: the sink's topic, for messages.
    /// - Throws: when the topic has more than the checkpoint knows of, or nobody knows whether the
    ///   open batch is published.
    init(
        _ marker: KafkaMarker?, checkpoint: String, _ last: SinkRecovery, topic: String
    ) throws(ConnectorError) {
        let committed = last.committed?.number ?? -1
        let newest = last.open?.number ?? committed
        if let marker, marker.checkpoint == checkpoint {
            guard marker.published <= newest || last.assume == .published else {
                throw ConnectorError(
                    "checkpointTooOld",
                    "the topic has batch \(marker.published), and the checkpoint is at \(newest): an "
                        + "old copy of the checkpoint was put back. Put the newest one back, or skip "
                        + "the batches that the topic has with --assume-published", at: topic,
                    fault: .damage)
            }
            published = marker.published
            setsMarker = false
            return
        }
        setsMarker = true
        guard let open = last.open else {
            published = committed
            return
        }
        switch last.assume {
        case .published: published = open.number
        case .unpublished: published = open.number - 1
        case nil:
            throw ConnectorError(
                "unknownOutcome",
                "nobody knows whether batch \(open.number) is in the topic: the group that says it "
                    + "has \(marker == nil ? "no marker" : "the marker of another checkpoint") (it "
                    + "expired, or the topic was made anew). Look at the topic, and go on with "
                    + "--assume-published or with --assume-unpublished", at: topic, fault: .damage)
        }
    }
}
