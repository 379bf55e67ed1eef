/// A fault of a JSON text: what is wrong, and at which byte.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of fault.
    public enum Code: String, Sendable {
        /// The text is longer than the caller allows.
        case tooLarge
        /// Values are nested more deeply than the caller allows.
        case tooDeep
        /// There is no value at all.
        case empty
        /// The bytes are not UTF-8.
        case notUTF8
        /// A string is not closed, or holds a bad escape or a bare control character.
        case badString
        /// Something that begins like a number is none, or is beyond a double.
        case badNumber
        /// A word other than `true`, `false` and `null`.
        case badLiteral
        /// A bracket, comma, colon or value is missing or out of place.
        case badStructure
        /// Something follows the value.
        case trailingText
        /// An object has a key twice.
        case duplicateKey
        /// No memory for the document.
        case noMemory
    }

    /// The kind of fault.
    public let code: Code
    /// What is wrong, and what to do, as a sentence.
    public let message: String
    /// The offset of the byte concerned.
    public let offset: Int
    /// For a duplicate key, the offset of the first one.
    public let relatedOffset: Int?

    /// A fault at a byte offset.
    public init(_ code: Code, _ message: String, offset: Int, relatedOffset: Int? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
        self.relatedOffset = relatedOffset
    }

    /// The message with its byte offset.
    public var description: String { "\(message) (byte \(offset))" }
}

/// A place in a text as an editor shows it.
public struct TextPosition: Hashable, Sendable, CustomStringConvertible {
    /// The line, from 1.
    ///
    /// Lines end with LF; a CR before it belongs to the line.
    public let line: Int
    /// The column, from 1, counted in Unicode scalars.
    public let column: Int

    /// The place of a byte offset; offsets beyond the text give the place after its end.
    public init(offset: Int, in text: [UInt8]) {
        let end = min(max(offset, 0), text.count)
        var line = 1
        var column = 1
        for byte in text[..<end] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                // Continuation bytes belong to a scalar that was counted.
                column += 1
            }
        }
        self.line = line
        self.column = column
    }

    /// `line:column`.
    public var description: String { "\(line):\(column)" }
}
