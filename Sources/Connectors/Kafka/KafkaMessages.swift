import CRdKafka
import ConnectorAPI
import Storage

/// Messages of one partition in the order of their offsets, as librdkafka gave them.
///
/// Their bytes are valid as long as this object is.
// `@unchecked`: nothing changes them but the deinitializer.
@safe
final class KafkaMessages: @unchecked Sendable {
    private let library: KafkaLibrary
    private let messages: [UnsafeMutablePointer<rdk_message>]
    /// How many offsets of the range were no longer there.
    let lostCount: Int64

    /// Takes messages over.
    init(
        _ library: KafkaLibrary, taking messages: [UnsafeMutablePointer<rdk_message>],
        lostCount: Int64
    ) {
        self.library = library
        unsafe self.messages = unsafe messages
        self.lostCount = lostCount
    }

    deinit {
        for index in unsafe messages.indices { unsafe library.messageDestroy(messages[index]) }
    }

    var count: Int { unsafe messages.count }

    func offset(_ index: Int) -> Int64 { unsafe messages[index].pointee.offset }

    /// The bytes of the value, `nil` for a tombstone.
    func value(_ index: Int) -> UnsafeRawBufferPointer? {
        unsafe messages[index].pointee.payload.map {
            unsafe UnsafeRawBufferPointer(start: $0, count: messages[index].pointee.length)
        }
    }

    /// The bytes of the key, `nil` where there is none.
    func key(_ index: Int) -> UnsafeRawBufferPointer? {
        unsafe messages[index].pointee.key.map {
            unsafe UnsafeRawBufferPointer(start: $0, count: messages[index].pointee.key_length)
        }
    }

    /// The timestamp in ms and its kind: 0 is that of the producer, 1 of the broker, -1 none.
    func timestamp(_ index: Int) -> (milliseconds: Int64, kind: Int32) {
        var kind: Int32 = 0
        let time = unsafe library.messageTimestamp(messages[index], &kind)
        // librdkafka counts: 0 not available, 1 create time, 2 log append time.
        return kind == 0 || time < 0 ? (0, -1) : (time, kind - 1)
    }

    /// The last header of a name, `nil` where there is none or its value is null.
    func header(_ name: String, _ index: Int) -> UnsafeRawBufferPointer? {
        var headers: OpaquePointer?
        guard unsafe library.messageHeaders(messages[index], &headers) == 0,
            let headers = unsafe headers
        else { return nil }
        var bytes: UnsafeRawPointer?
        var count = 0
        guard unsafe library.headerGetLast(headers, name, &bytes, &count) == 0,
            let bytes = unsafe bytes
        else { return nil }
        return unsafe UnsafeRawBufferPointer(start: bytes, count: count)
    }

    /// What identifies a message: its offset, and a checksum of that, its time, key and value.
    func mark(_ index: Int) -> KafkaMark {
        unsafe KafkaMark(
            offset: offset(index), milliseconds: timestamp(index).milliseconds, key: key(index),
            value: value(index))
    }
}

/// What a commit keeps of the last message that was read of a partition.
struct KafkaMark: Hashable, Sendable {
    /// The message's offset.
    let offset: Int64
    /// XXH3 of offset, timestamp, key and value.
    let checksum: UInt64

    init(offset: Int64, checksum: UInt64) {
        self.offset = offset
        self.checksum = checksum
    }

    init(
        offset: Int64, milliseconds: Int64, key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?
    ) {
        self.offset = offset
        var stream = ChecksumStream()
        // A length before each part, -1 for null, so that no two messages give the same bytes.
        for number in unsafe [
            offset, milliseconds, Int64(key?.count ?? -1), Int64(value?.count ?? -1),
        ] {
            unsafe withUnsafeBytes(of: number.littleEndian) { unsafe stream.update($0) }
        }
        if let key = unsafe key { unsafe stream.update(key) }
        if let value = unsafe value { unsafe stream.update(value) }
        checksum = stream.value
    }
}
