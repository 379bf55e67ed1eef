import ConnectorAPI
import Storage
import Testing

@testable import KafkaConnector

@Suite("Messages")
struct DecodingTests {
    private func kind(_ text: String) -> KafkaValueKind {
        unsafe Array(text.utf8).withUnsafeBytes { unsafe KafkaValueKind(json: $0) }
    }

    @Test("line ends of a document are white space, but not in its strings")
    func lineEnds() {
        #expect(kind("{\"a\":1}") == .line(hasLineEnds: false))
        #expect(kind("{\n \"a\":1}\n") == .line(hasLineEnds: true))
        #expect(kind("{\"a\":\"x\ny\"}") == .hasLineEndInText)
        #expect(kind("{\"a\":\"x\\\"\ny\"}") == .hasLineEndInText)
        #expect(kind("{\"a\":\"x\\\\\"\n}") == .line(hasLineEnds: true))
        #expect(kind(" \n\t\r ") == .empty)
        #expect(kind("") == .empty)
    }

    @Test("a tail's text is read again, and other text is refused")
    func tails() throws {
        let tail = KafkaTail(marks: [
            SplitID("b", 0): KafkaMark(offset: 5, checksum: 7),
            SplitID("a", 10): KafkaMark(offset: 0, checksum: .max),
            SplitID("a", 2): KafkaMark(offset: 9, checksum: 1),
        ])
        #expect(
            tail.text == #"{"a":{"2":[9,"0000000000000001"],"10":[0,"ffffffffffffffff"]},"#
                + #""b":{"0":[5,"0000000000000007"]}}"#)
        #expect(try KafkaTail(parsing: tail.text) == tail)
        for text in ["", "[]", #"{"a":{"x":[1,"0"]}}"#, #"{"a":{"0":[-1,"0000000000000007"]}}"#] {
            #expect(throws: ConnectorError.self) { try KafkaTail(parsing: text) }
        }
    }

    @Test("every message has a mark of its own")
    func marks() {
        func mark(_ key: [UInt8]?, _ value: [UInt8]?) -> KafkaMark {
            unsafe (key ?? []).withUnsafeBytes { key1 in
                unsafe (value ?? []).withUnsafeBytes { value1 in
                    unsafe KafkaMark(
                        offset: 1, milliseconds: 2, key: key == nil ? nil : key1,
                        value: value == nil ? nil : value1)
                }
            }
        }
        let marks = Set([
            mark(nil, nil), mark([], nil), mark(nil, []), mark([], []), mark([1], []),
            mark([], [1]), mark([1, 2], []), mark([1], [2]),
        ])
        #expect(marks.count == 8)
    }

    @Test("a schema registry's bytes")
    func framing() {
        func id(_ bytes: [UInt8]) -> UInt32? {
            unsafe bytes.withUnsafeBytes { unsafe KafkaFraming.schemaID(of: $0) }
        }
        #expect(id([0, 0, 0, 0, 0x39, 0x7B]) == 57)
        #expect(id([0, 0, 0, 0]) == nil)
        #expect(id([0x7B, 0, 0, 0, 0]) == nil)
        #expect(id([]) == nil)
    }

    @Test("patterns match whole names")
    func patterns() {
        #expect(TopicPattern("ticks-.*")?.matches("ticks-a") == true)
        #expect(TopicPattern("ticks-.*")?.matches("old-ticks-a") == false)
        #expect(TopicPattern("a|b")?.matches("ab") == false)
        #expect(TopicPattern("(") == nil)
    }
}
