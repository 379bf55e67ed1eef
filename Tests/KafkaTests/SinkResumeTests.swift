import ConnectorAPI
import Storage
import Testing

@testable import KafkaConnector

@Suite("How a sink goes on")
struct SinkResumeTests {
    private func resume(
        _ marker: Int64?, of checkpoint: String = "own", committed: Int64?, open: Int64? = nil,
        assume: Assumption? = nil
    ) throws -> KafkaSinkResume {
        try KafkaSinkResume(
            marker.map { KafkaMarker(next: $0, checkpoint: checkpoint) }, checkpoint: "own",
            SinkRecovery(
                committed: committed.map { BatchID($0) }, open: open.map { BatchID($0) },
                assume: assume), topic: "candles")
    }

    @Test("where the marker is the checkpoint's own")
    func ownMarker() throws {
        #expect(try resume(5, committed: 4) == KafkaSinkResume(published: 4, setsMarker: false))
        #expect(
            try resume(5, committed: 3, open: 4)
                == KafkaSinkResume(published: 4, setsMarker: false))
        #expect(
            try resume(4, committed: 3, open: 4)
                == KafkaSinkResume(published: 3, setsMarker: false))
        // Batches without rows leave it as it is.
        #expect(try resume(2, committed: 9) == KafkaSinkResume(published: 1, setsMarker: false))
    }

    @Test("an old checkpoint is refused, unless told to skip")
    func oldCheckpoint() throws {
        #expect(throws: ConnectorError.self) { try resume(58, committed: 40, open: 41) }
        #expect(
            try resume(58, committed: 40, open: 41, assume: .published)
                == KafkaSinkResume(published: 57, setsMarker: false))
    }

    @Test("where there is no marker")
    func noMarker() throws {
        #expect(try resume(nil, committed: nil) == KafkaSinkResume(published: -1, setsMarker: true))
        #expect(try resume(nil, committed: 7) == KafkaSinkResume(published: 7, setsMarker: true))
        #expect(throws: ConnectorError.self) { try resume(nil, committed: 7, open: 8) }
        #expect(
            try resume(nil, committed: 7, open: 8, assume: .published)
                == KafkaSinkResume(published: 8, setsMarker: true))
        #expect(
            try resume(nil, committed: 7, open: 8, assume: .unpublished)
                == KafkaSinkResume(published: 7, setsMarker: true))
    }

    @Test("another checkpoint's marker is none")
    func foreignMarker() throws {
        #expect(
            try resume(9, of: "other", committed: nil)
                == KafkaSinkResume(published: -1, setsMarker: true))
        #expect(throws: ConnectorError.self) {
            try resume(9, of: "other", committed: 3, open: 4)
        }
    }

    @Test("a marker's text is read again, and other text is none")
    func markerText() {
        let marker = KafkaMarker(next: 3, checkpoint: "c", rows: 2, checksum: 0xC0FFEE)
        #expect(KafkaMarker(offset: 3, metadata: marker.text) == marker)
        for text in ["", "x", "{}", #"{"checkpoint":1,"rows":1,"xxh3":"0"}"#] {
            #expect(KafkaMarker(offset: 3, metadata: text) == nil)
        }
    }
}
