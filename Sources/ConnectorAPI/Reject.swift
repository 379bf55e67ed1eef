public import Columnar

/// A row of the input that did not parse.
public struct Reject: Sendable, Equatable {
    /// Why, with the column where one is to blame.
    public let reason: String
    /// The file, `archive:entry`, or `stdin`.
    public let source: String
    /// Where the row starts in the source, in bytes after decompression.
    public let byteOffset: Int64
    /// The line it starts on, counting from 1.
    public let line: Int64
    /// The row's first 200 bytes, made printable.
    public let text: String

    /// A rejected row.
    public init(reason: String, source: String, byteOffset: Int64, line: Int64, text: String) {
        self.reason = reason
        self.source = source
        self.byteOffset = byteOffset
        self.line = line
        self.text = text
    }

    /// The most bytes of a row that a reject keeps.
    public static let textBytesMax = 200

    /// The columns of the `rejects` table.
    public static let schema = Schema([
        Field("feed", .string, isNullable: false),
        Field("number", .long, isNullable: false),
        Field("source", .string, isNullable: false),
        Field("byte_offset", .long, isNullable: false),
        Field("line", .long, isNullable: false),
        Field("reason", .string, isNullable: false),
        Field("text", .string, isNullable: false),
    ])

    /// Rejects as rows of the `rejects` table.
    ///
    /// - Parameters:
    ///   - rejects: the rejects, in input order.
    ///   - feed: the feed's identity.
    ///   - firstNumber: how many rows the feed rejected before.
    /// - Returns: a row of ``schema`` for each reject.
    public static func batch(
        _ rejects: [Reject], feed: String, firstNumber: Int64
    ) -> RecordBatch {
        RecordBatch(
            schema,
            rows: rejects.enumerated().map { index, reject in
                [
                    .string(feed), .long(firstNumber + Int64(index)), .string(reject.source),
                    .long(reject.byteOffset), .long(reject.line), .string(reject.reason),
                    .string(reject.text),
                ]
            })
    }

    /// The start of a row as text that is safe to print: bytes outside printable ASCII become
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
