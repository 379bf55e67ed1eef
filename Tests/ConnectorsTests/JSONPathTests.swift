import Columnar
import ConnectorAPI
import Decoding
import Storage
import TestSupport
import Testing
import TextConnector

/// Ways to values in JSON objects.
@Suite struct JSONPathTests {
    /// The values of a path in lines, each a number or null, and what is to be known of it.
    private func read(
        _ path: String, _ lines: [String]
    ) throws -> (values: [Value], notices: [String]) {
        try withTemporaryDirectory { files, directory in
            let file = try directory.appending("a.jsonl")
            let text = lines.map { "{\"t\":0,\($0.dropFirst())\n" }.joined()
            try write(Array(text.utf8), file, files)
            var time = FeedColumn("t", .timestamp)
            time.timestampFormat = .epochMillis
            var spec = JSONLinesSpec(
                FeedInput([file.string]),
                columns: [time, FeedColumn("v", .long, from: .field(path))], eventTime: "t")
            spec.input.rejectsMaxShare = 1
            let feed = try JSONLinesFeed(spec, files: files)
            let content = drain(feed)
            #expect(content.malformed.isEmpty && content.error == nil)
            return (content.rows.map { $0[1] }, feed.notices())
        }
    }

    @Test(arguments: [
        ("a.b", #"{"a":{"b":1}}"#), ("a['b']", #"{"a":{"b":1}}"#), ("$.a.b", #"{"a":{"b":1}}"#),
        ("$['a'].b", #"{"a":{"b":1}}"#), ("a.`b`", #"{"a":{"b":1}}"#),
        ("05. price", #"{"05. price":1}"#), ("q.05. price", #"{"q":{"05. price":1}}"#),
        ("a.b.c.d", #"{"a.b":{"c.d":1}}"#), ("a.b.c.d", #"{"a.b.c.d":1}"#),
        ("['a.b'].c", #"{"a.b":{"c":1}}"#), ("a[\"b]\"]", #"{"a":{"b]":1}}"#),
        ("a[1]", #"{"a":[0,1,2]}"#), ("a.1", #"{"a":[0,1,2]}"#),
        ("a[10]", #"{"a":[0,0,0,0,0,0,0,0,0,0,1]}"#),
        ("a[0][1].b", #"{"a":[[0,{"b":1}],[]]}"#), ("a.0", #"{"a":{"0":1}}"#),
        ("$x.y", #"{"$x":{"y":1}}"#), ("a.$numberLong", #"{"a":{"$numberLong":"1"}}"#),
    ])
    func pathsFindTheirValue(path: String, line: String) throws {
        // Several lines, so that what was learnt of the first is used for the others.
        let found = try read(path, Array(repeating: line, count: 5))
        #expect(found.values == Array(repeating: .long(1), count: 5), "\(path)")
        #expect(found.notices.isEmpty)
    }

    /// The path as it is written comes before keys with dots, in whatever order they stand.
    @Test(arguments: [#"{"a":{"b":1},"a.b":2}"#, #"{"a.b":2,"a":{"b":1}}"#])
    func thePathAsItIsWrittenComesFirst(line: String) throws {
        let lines = [line, #"{"a.b":2}"#, line, #"{"a":{"b":1}}"#, line]
        #expect(
            try read("a.b", lines).values == [.long(1), .long(2), .long(1), .long(1), .long(1)])
    }

    @Test func arraysOfOtherLengthsAndKinds() throws {
        let lines = [
            #"{"a":[7,1]}"#, #"{"a":[7]}"#, #"{"a":[]}"#, #"{"a":null}"#, #"{"a":[7,1,9,[1]]}"#,
            #"{"a":{"1":1}}"#, #"{"a":"x"}"#, #"{"a":[{"b":2},1]}"#,
        ]
        #expect(
            try read("a[1]", lines).values == [
                .long(1), .null, .null, .null, .long(1), .long(1), .null, .long(1),
            ])
    }

    @Test func whatIsNotFoundIsTold() throws {
        let found = try read("a.b", [#"{"a":[{"b":1}]}"#, #"{"a":{"b":1}}"#, #"{"a":[1]}"#])
        #expect(found.values == [.null, .long(1), .null])
        #expect(found.notices.count == 1)
        #expect(found.notices.first?.hasPrefix("in 2 of 3 records the path 'a.b'") == true)
        let none = try read("b.a", [#"{"a":[{"b":1}]}"#])
        #expect(none.notices.first?.hasPrefix("none of 1 records has the path 'b.a'") == true)
        // A null was found.
        #expect(try read("b", [#"{"b":null}"#]).notices.isEmpty)
    }
}
