import ConnectorAPI
import Decoding
import Glibc

/// The values of a block as records of lines, for the parsers of text: one line a value.
///
/// A line end inside a JSON document is white space there, unless it stands in a string, where no
/// document may have one; such values are no lines.
@safe
final class KafkaLines: ByteStream {
    /// Bytes of a value; without any the line is an empty document.
    private struct Line {
        let message: Int
        let bytes: Range<Int>
        let hasLineEnds: Bool
    }

    private static let emptyDocument: [UInt8] = [0x7B, 0x7D]

    private let messages: KafkaMessages
    private var lines: [Line] = []
    private(set) var byteCount = 0
    private var isRead = false

    init(_ messages: KafkaMessages) { self.messages = messages }

    /// How many lines there are.
    var count: Int { lines.count }

    /// The message of a line.
    func message(_ line: Int) -> Int { lines[line].message }

    /// Adds the bytes of a value as a line.
    func add(_ message: Int, _ bytes: Range<Int>, hasLineEnds: Bool) {
        lines.append(Line(message: message, bytes: bytes, hasLineEnds: hasLineEnds))
        byteCount += bytes.count + 1
    }

    /// Adds an empty document, of which every field is missing.
    func addEmpty(_ message: Int) {
        lines.append(Line(message: message, bytes: 0..<0, hasLineEnds: false))
        byteCount += Self.emptyDocument.count + 1
    }

    /// Gives all lines at once: whoever reads has room for them.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard !isRead, let base = buffer.baseAddress else { return 0 }
        precondition(buffer.count >= byteCount, "the lines are read in one piece")
        isRead = true
        var place = 0
        for line in lines {
            let value = unsafe line.bytes.isEmpty ? nil : messages.value(line.message)
            let count = line.bytes.isEmpty ? Self.emptyDocument.count : line.bytes.count
            // Safe: the buffer has room for the bytes of all lines and their ends.
            if let start = unsafe value?.baseAddress {
                unsafe (base + place).copyMemory(
                    from: start + line.bytes.lowerBound, byteCount: count)
            } else {
                unsafe (base + place).copyMemory(from: Self.emptyDocument, byteCount: count)
            }
            if line.hasLineEnds {
                for index in place..<place + count where unsafe buffer[index] == 0x0A {
                    unsafe buffer[index] = 0x20
                }
            }
            place += count
            unsafe buffer[place] = 0x0A
            place += 1
        }
        return place
    }
}

/// What the bytes of a value are at first sight.
enum KafkaValueKind: Hashable, Sendable {
    /// One line, or one with line ends in white space.
    case line(hasLineEnds: Bool)
    /// Nothing but white space.
    case empty
    /// No document can have a line end there.
    case hasLineEndInText

    /// A JSON document's.
    init(json bytes: UnsafeRawBufferPointer) {
        guard unsafe !bytes.isBlank else {
            self = .empty
            return
        }
        guard unsafe bytes.hasLineEnd else {
            self = .line(hasLineEnds: false)
            return
        }
        var isInString = false
        var isEscaped = false
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if isInString {
                if byte == 0x0A {
                    self = .hasLineEndInText
                    return
                }
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
            }
        }
        self = .line(hasLineEnds: true)
    }

    /// A record's: it may end with a line end, but has none inside.
    init(record bytes: UnsafeRawBufferPointer) {
        guard unsafe !bytes.isBlank else {
            self = .empty
            return
        }
        let content = unsafe bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
        self =
            unsafe UnsafeRawBufferPointer(rebasing: content).hasLineEnd
            ? .hasLineEndInText : .line(hasLineEnds: false)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var isBlank: Bool {
        unsafe allSatisfy { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }
    }

    fileprivate var hasLineEnd: Bool {
        guard let start = baseAddress else { return false }
        return unsafe memchr(start, 0x0A, count) != nil
    }
}
