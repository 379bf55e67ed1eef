/// The bytes that clients of a schema registry put in front of a value: 0 and a schema's id of four
/// bytes, or 1 and an identifier of sixteen.
enum KafkaFraming {
    /// How many bytes stand in front, `nil` where none do.
    static func byteCount(of value: UnsafeRawBufferPointer) -> Int? {
        switch unsafe value.first {
        case 0 where value.count >= 5: 5
        case 1 where value.count >= 17: 17
        default: nil
        }
    }

    /// The id that is in front of a value.
    static func schemaID(of value: UnsafeRawBufferPointer) -> UInt32? {
        guard unsafe value.first == 0, value.count >= 5 else { return nil }
        return unsafe value[1..<5].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
