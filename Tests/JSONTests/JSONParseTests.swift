import Testing

@testable import JSON

@Suite struct JSONParseTests {
    @Test(
        arguments: [
            ([0xEF, 0xBB, 0xBF, 0x7B, 0x7D], "byte order mark"), ([0xFF, 0xFE, 0x7B, 0], "UTF-16"),
            ([0xFE, 0xFF, 0, 0x7B], "UTF-16"),
        ] as [([UInt8], String)])
    func otherEncodingsAreNamed(bytes: [UInt8], says: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(bytes) }
        #expect(error?.offset == 0 && error?.message.contains(says) == true)
    }

    @Test func valuesKnowTheirPlaces() throws {
        let text = #" { "a" : [1, -2.50, "x\ny"] , "b":{"c":null,"d":true} } "#
        let bytes = Array(text.utf8)
        func source(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        let root = try JSONValue.parse(text)
        #expect(source(root.range) == text.dropFirst().dropLast())
        let a = try #require(root.member("a"))
        #expect(source(a.keyRange) == "\"a\"")
        #expect(source(a.value.range) == #"[1, -2.50, "x\ny"]"#)
        let elements = try #require(a.value.elements)
        #expect(elements.map { source($0.range) } == ["1", "-2.50", #""x\ny""#])
        #expect(elements[0].int64Value == 1)
        #expect(elements[1].doubleValue == -2.5)
        #expect(elements[2].stringValue == "x\ny")
        let b = try #require(root["b"])
        #expect(source(b.range) == #"{"c":null,"d":true}"#)
        #expect(b["c"]?.isNull == true && b["d"]?.boolValue == true)
        #expect(root["z"] == nil)
    }

    @Test(arguments: [
        ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min), ("0", 0),
    ])
    func integersAreExact(literal: String, value: Int64) throws {
        #expect(try JSONValue.parse(literal).int64Value == value)
    }

    @Test(arguments: [
        "9223372036854775808", "1.0", "1e2", "-0", "123456789012345678901234567890", "0.1",
    ])
    func otherNumbersKeepTheirLiteral(literal: String) throws {
        let value = try JSONValue.parse(literal)
        #expect(value.int64Value == nil)
        #expect(value.doubleValue == Double(literal))
        #expect(value.text() == literal)
    }

    @Test func unicodeAndEscapes() throws {
        let text = #""\u0000\u00e9\ud83d\ude00\/\"\\é😀""#
        #expect(try JSONValue.parse(text).stringValue == "\u{0}é😀/\"\\é😀")
    }

    @Test func keysAreComparedByBytes() throws {
        // é precomposed and decomposed: equal to Swift's String, different keys in JSON.
        let root = try JSONValue.parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(root["\u{E9}"]?.int64Value == 1)
        #expect(root["e\u{301}"]?.int64Value == 2)
    }

    @Test func duplicateKeysNameBothPlaces() throws {
        let text = #"{"a":1,"b":{"x":1,"x":2}}"#
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(text) }
        #expect(error?.code == .duplicateKey)
        #expect(error?.offset == 18 && error?.relatedOffset == 12)
        let kept = try JSONValue.parse(text, duplicateKeys: .keep)
        #expect(kept["b"]?.members?.count == 2)
        #expect(kept["b"]?["x"]?.int64Value == 1)
    }

    @Test(arguments: [
        ("", JSONError.Code.empty, 0), (" \n ", .empty, 0),
        ("{\"a\": 1,}", .badStructure, 8), ("[1,]", .badStructure, 3), ("[1 2]", .badStructure, 3),
        ("{\"a\" 1}", .badStructure, 5), ("{\"a\":}", .badStructure, 5), ("[1", .badStructure, 2),
        ("{\"a\": 1", .badStructure, 7), ("[1}", .badStructure, 2), ("{a: 1}", .badStructure, 1),
        ("{\"a\": tru}", .badLiteral, 6), ("[truee]", .badLiteral, 1), ("nul", .badLiteral, 0),
        ("[01]", .badNumber, 1), ("[1.]", .badNumber, 1), ("[1e999]", .badNumber, 1),
        ("[-]", .badNumber, 1), ("1x", .badNumber, 0), ("1 2", .trailingText, 2),
        ("{} x", .trailingText, 3), ("[\"a\nb\"]", .badString, 3), ("[\"ab", .badString, 1),
        ("[\"\\x\"]", .badString, 1), ("[[[[1]]]]", .tooDeep, 3), ("// c\n{}", .badStructure, 0),
        ("[1, // c\n2]", .badStructure, 4),
    ])
    func faultsHaveAPlace(text: String, code: JSONError.Code, offset: Int) {
        let error = #expect(throws: JSONError.self) {
            try JSONValue.parse(text, limits: .init(depthMax: 3))
        }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
    }

    @Test func badUTF8HasAPlace() {
        let bytes = Array("[\"abc".utf8) + [0xFF] + Array("\"]".utf8)
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(bytes) }
        #expect(error?.code == .notUTF8)
        #expect(error?.offset == 5)
    }

    @Test func limitsHold() {
        let error = #expect(throws: JSONError.self) {
            try JSONValue.parse("[1,2,3]", limits: .init(bytesMax: 6))
        }
        #expect(error?.code == .tooLarge)
        let deep = String(repeating: "[", count: 100_000)
        let depth = #expect(throws: JSONError.self) { try JSONValue.parse(deep) }
        #expect(depth?.code == .tooDeep || depth?.code == .badStructure)
    }

    @Test func everyPrefixIsRefusedWithoutATrap() throws {
        let text = Array(#"{"a":[1,2.5e3,{"b":"x\u00e9"}],"c":[true,false,null]}"#.utf8)
        _ = try JSONValue.parse(text)
        for length in 0..<text.count {
            let error = #expect(throws: JSONError.self) {
                try JSONValue.parse(Array(text[..<length]))
            }
            #expect((error?.offset ?? -1) <= length)
        }
    }

    @Test func everyChangedByteIsReadOrRefused() throws {
        let text = Array(#"{"a":[1,2.5e3,{"b":"x\u00e9"}],"c":[true,false,null]}"#.utf8)
        for index in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[index] = byte
                do throws(JSONError) {
                    let value = try JSONValue.parse(changed)
                    let again = try JSONValue.parse(value.text())
                    #expect(again == value)
                } catch {
                    #expect((0...text.count).contains(error.offset))
                }
            }
        }
    }

    @Test(arguments: [
        (0, 1, 1), (2, 1, 3), (3, 2, 1), (5, 2, 2), (8, 3, 1), (99, 3, 1),
    ])
    func positions(offset: Int, line: Int, column: Int) {
        let position = TextPosition(offset: offset, in: Array("ab\né😀\n".utf8.prefix(8)))
        // The text: a b LF é(2 bytes) then the 3 first bytes of an emoji and no second LF.
        if offset < 8 {
            #expect(position.line == line && position.column == column)
        } else {
            #expect(position.line == 2)
        }
    }
}

@Suite struct JSONSourceOffsetTests {
    /// Every character of a text is found where it, or its escape, stands in the source.
    @Test func placesInsideStrings() throws {
        let source = Array(#" ["a\n\u00e9é\ud83d\ude00😀\"z"]"#.utf8)
        let value = try #require(try JSONValue.parse(source).elements?.first)
        let text = try #require(value.stringValue)
        let expected = ["a", "\\n", "\\u00e9", "é", "\\ud83d\\ude00", "😀", "\\\"", "z"]
        var offset = 0
        for (scalar, written) in zip(text.unicodeScalars, expected) {
            let place = value.sourceOffset(ofTextOffset: offset, in: source)
            let found = source[place...].prefix(written.utf8.count)
            #expect(String(decoding: found, as: UTF8.self) == written)
            offset += UTF8.width(scalar)
        }
        #expect(value.sourceOffset(ofTextOffset: offset, in: source) == value.range.upperBound - 1)
        #expect(value.sourceOffset(ofTextOffset: 99, in: source) == value.range.upperBound - 1)
    }
}
