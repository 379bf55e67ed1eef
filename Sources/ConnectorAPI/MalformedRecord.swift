public import Columnar

/// A record of the input that did not parse.
public struct MalformedRecord: Sendable, Equatable {
    /// Why, with the column where one is to blame.
    public let reason: String
    /// The file, `archive:entry`, or `stdin`.
    public let source: String
    /// Where the record starts in the source, in bytes after decompression.
    public let byteOffset: Int64
    /// The line it starts on, counting from 1.
    public let line: Int64
    /// The record's first 200 bytes, made printable.
    public let text: String

    /// A malformed record.
    public init(reason: String, source: String, byteOffset: Int64, line: Int64, text: String) {
        self.reason = reason
        self.source = source
        self.byteOffset = byteOffset
        self.line = line
        self.text = text
    }

    /// The most bytes of a record that are kept.
    public static let textBytesMax = 200

    /// The columns of the table of malformed records, which jobs call `rejects`.
    public static let schema = Schema([
        Field("feed", .string, isNullable: false),
        Field("number", .long, isNullable: false),
        Field("source", .string, isNullable: false),
        Field("byte_offset", .long, isNullable: false),
        Field("line", .long, isNullable: false),
        Field("reason", .string, isNullable: false),
        Field("text", .string, isNullable: false),
    ])

    /// Malformed records as rows of their table.
    ///
    /// - Parameters:
    ///   - records: the records, in input order.
    ///   - feed: the feed's identity.
    ///   - firstNumber: how many records of the feed did not parse before.
    /// - Returns: a row of ``schema`` for each record.
    public static func batch(
        _ records: [MalformedRecord], feed: String, firstNumber: Int64
    ) -> RecordBatch {
        RecordBatch(
            schema,
            rows: records.enumerated().map { index, record in
                [
                    .string(feed), .long(firstNumber + Int64(index)), .string(record.source),
                    .long(record.byteOffset), .long(record.line), .string(record.reason),
                    .string(record.text),
                ]
            })
    }

    /// The columns of a source's table of malformed records: the source's name in the job, its part
    /// and the offset there, why, the record's start, and the batch.
    public static let sourceSchema = Schema([
        Field("source", .string, isNullable: false),
        Field("split", .string, isNullable: false),
        Field("offset", .long, isNullable: false),
        Field("reason", .string, isNullable: false),
        Field("text", .string, isNullable: false),
        Field("batch", .long, isNullable: false),
    ])

    /// Malformed records of a source as rows of its table.
    ///
    /// - Parameters:
    ///   - records: the records; `source` is the split, `byteOffset` the offset there.
    ///   - source: the source's name in the job.
    ///   - batch: the batch's number.
    /// - Returns: a row of ``sourceSchema`` for each record.
    public static func batch(
        _ records: [MalformedRecord], source: String, batch: Int64
    ) -> RecordBatch {
        RecordBatch(
            sourceSchema,
            rows: records.map { record in
                [
                    .string(source), .string(record.source), .long(record.byteOffset),
                    .string(record.reason), .string(record.text), .long(batch),
                ]
            })
    }

    /// The start of a record as text that is safe to print: bytes outside printable ASCII become
    /// `\xHH`, a backslash is doubled.
    public static func printable(_ bytes: UnsafeRawBufferPointer) -> String {
        var text: [UInt8] = []
        for index in 0..<min(bytes.count, textBytesMax) {
            let byte = unsafe bytes[index]
            switch byte {
            case UInt8(ascii: "\\"): text += [byte, byte]
            case 0x20...0x7e: text.append(byte)
            case 0x0a: text += Array("\\n".utf8)
            case 0x0d: text += Array("\\r".utf8)
            case 0x09: text += Array("\\t".utf8)
            default:
                let digits = Array("0123456789abcdef".utf8)
                text += Array("\\x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
