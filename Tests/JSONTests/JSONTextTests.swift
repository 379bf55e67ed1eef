import JSON
import Testing

@Suite struct JSONTextTests {
    @Test func compactKeepsOrderAndSortedSorts() {
        let value: JSONValue = ["b": 1, "a": [true, .null, "x"], "ä": 1.5]
        #expect(value.text() == #"{"b":1,"a":[true,null,"x"],"ä":1.5}"#)
        #expect(value.text(keys: .sorted) == #"{"a":[true,null,"x"],"b":1,"ä":1.5}"#)
    }

    @Test func prettyLaysOut() {
        let value: JSONValue = ["a": [1, 2], "b": [["c": 1]], "e": [:], "f": []]
        let expected = """
            {
              "a": [1, 2],
              "b": [
                {
                  "c": 1
                }
              ],
              "e": {},
              "f": []
            }
            """
        #expect(value.text(layout: .pretty) == expected)
    }

    @Test(arguments: [
        0.1, 1e16, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1.0 / 3, 123456789.125,
        1e-7,
    ])
    func doublesRoundTrip(value: Double) throws {
        let text = JSONValue.double(value).text()
        #expect(try JSONValue.parse(text).doubleValue?.bitPattern == value.bitPattern)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func whatJSONCannotSayIsNull(value: Double) {
        #expect(JSONValue.double(value).text() == "null")
    }

    @Test func everyScalarBelowSpaceIsEscaped() throws {
        let text = String(String.UnicodeScalarView((0...0x80).compactMap(Unicode.Scalar.init)))
        let written = JSONValue.string(text).text()
        #expect(written.unicodeScalars.allSatisfy { $0.value >= 0x20 })
        #expect(try JSONValue.parse(written).stringValue == text)
    }

    @Test func equalityIgnoresOrderAndPlaces() throws {
        #expect(try JSONValue.parse(#"{"a":1,"b":[2.50]}"#) == ["b": [2.5], "a": 1])
        #expect(try JSONValue.parse(#"{"a":1}"#) != ["a": 1, "b": 2])
        #expect(try JSONValue.parse("[1]") != [2])
    }
}
