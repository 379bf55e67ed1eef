import JSON
import Testing

@testable import Settings

/// What a comparison of two settings says of each kind of change.
@Suite struct SettingsDifferenceTests {
    private static let kept = ObjectShape(
        name: "kept", summary: "It stays.", tag: "kept",
        keys: [
            .required("path", .text(.path), "Where.", change: .forbidden(reason: "it is there")),
            .optional("level", .integer(0...9), "How much.", default: 3),
        ])
    private static let shown = ObjectShape(
        name: "shown", summary: "It leaves nothing behind.", tag: "shown", change: .allowed,
        keys: [.optional("rows", .integer(0...9), "How many.", default: 3)])
    /// Nobody can tell whether it is the same.
    private static let nameless = ObjectShape(
        name: "nameless", summary: "It has no place.", tag: "nameless",
        keys: [.optional("rows", .integer(0...9), "How many.", default: 3)])

    private static let member = ObjectShape(
        name: "member", summary: "One of several.",
        keys: [
            .required("name", .text(.name), "Its name."),
            .optional(
                "sum", .text(.any), "What it sums.", absence: "nothing",
                change: .forbidden(reason: "the sums are the old ones"), comparison: .meaning,
                holds: { $0["free"] != true }),
            .optional("free", .boolean, "Whether it has no state.", default: false),
        ])

    static let table = ObjectShape(
        name: "job", summary: "A job.",
        keys: [
            .optional("note", .text(.any), "A note.", absence: "none", comparison: .ignored),
            .optional("limit", .integer(0...9), "A limit.", default: 1),
            .optional(
                "place", .text(.path), "A place.", default: "a",
                change: .forbidden(reason: "the rows are there")),
            .optional(
                "side", .text(.path), "A table beside.", absence: "none",
                change: .mayComeAndGo(reason: "its rows are there")),
            .optional(
                "inner", .variants(key: "format", [kept, shown]), "Inside.", absence: "nothing",
                change: .forbidden(reason: "it is another")),
            .optional(
                "whole", .object(shown), "As one.", absence: "nothing",
                change: .forbidden(reason: "it is one"), comparison: .whole),
            .optional(
                "members", .list(.object(member), count: 0...9), "Several.", default: [],
                comparison: .named(
                    .init(removed: "it is missed", added: "it is late", moved: "order counts"))),
            .optional(
                "sinks", .list(.variants(key: "format", [kept, shown, nameless]), count: 0...9),
                "Where to.", default: [], change: .forbidden(reason: "batches are there"),
                comparison: .placed { [$0["path"]?.stringValue].compactMap(\.self) }),
            .optional(
                "client.*", .text(.any), "Passed on.", absence: "nothing",
                change: .forbidden(reason: "it was passed on")),
        ])

    private func differences(
        _ old: String, _ new: String,
        _ meanings: (old: [String: SettingMeaning], new: [String: SettingMeaning]) = ([:], [:])
    ) throws -> [String] {
        func filled(_ text: String) throws -> JSONValue {
            let read = try SettingsText.read(Array(text.utf8), file: "x", environment: [:]).text
            var checker = SettingsChecker(read)
            let value = checker.check(read.root, .object(Self.table), .here)
            #expect(checker.faults.found.isEmpty, "\(checker.faults.found)")
            return try #require(value)
        }
        var comparison = SettingsComparison(
            oldMeanings: meanings.old, newMeanings: meanings.new)
        comparison.compare(try filled(old), try filled(new), Self.table)
        return comparison.found.map { difference in
            guard case .forbidden(let reason) = difference.verdict else { return difference.field }
            return "\(difference.field): \(reason)"
        }
    }

    @Test(arguments: [
        ("{}", "{}", []),
        (#"{"limit": 1, "//": 2}"#, "{}", []),
        (#"{"note": "a"}"#, #"{"note": "b"}"#, []),
        ("{}", #"{"limit": 2}"#, ["limit"]),
        (#"{"place": "b"}"#, "{}", ["place: the rows are there"]),
        (#"{"side": "b"}"#, "{}", ["side"]),
        ("{}", #"{"side": "b"}"#, ["side"]),
        (#"{"side": "b"}"#, #"{"side": "c"}"#, ["side: its rows are there"]),
        (
            #"{"client.a": "1"}"#, #"{"client.a": "1", "client.b": "2"}"#,
            [
                "client.b: it was passed on"
            ]
        ),
    ])
    func rules(old: String, new: String, found: [String]) throws {
        #expect(try differences(old, new) == found)
    }

    @Test(arguments: [
        // Objects of one kind key by key, each by its own rule.
        (
            #"{"format": "kept", "path": "p"}"#, #"{"format": "kept", "path": "p", "level": 4}"#,
            ["inner.level"]
        ),
        (
            #"{"format": "kept", "path": "p"}"#, #"{"format": "kept", "path": "q"}"#,
            ["inner.path: it is there"]
        ),
        // Of two kinds, or where one is not there, as a whole.
        (#"{"format": "kept", "path": "p"}"#, #"{"format": "shown"}"#, ["inner: it is another"]),
        (#"{"format": "shown"}"#, "null", ["inner: it is another"]),
    ])
    func objects(old: String, new: String, found: [String]) throws {
        func text(_ value: String) -> String {
            value == "null" ? "{}" : #"{"inner": \#(value)}"#
        }
        #expect(try differences(text(old), text(new)) == found)
        #expect(
            try differences(#"{"whole": {"rows": 1}}"#, #"{"whole": {"rows": 2}}"#)
                == ["whole: it is one"])
    }

    @Test(arguments: [
        (#"{"name": "a"}, {"name": "b"}"#, #"{"name": "a"}"#, ["members[b]: it is missed"]),
        (#"{"name": "a"}"#, #"{"name": "a"}, {"name": "b"}"#, ["members[b]: it is late"]),
        (
            #"{"name": "a"}, {"name": "b"}"#, #"{"name": "b"}, {"name": "a"}"#,
            ["members: order counts"]
        ),
        (
            #"{"name": "a", "sum": "x"}"#, #"{"name": "a", "sum": "y"}"#,
            ["members[a].sum: the sums are the old ones"]
        ),
        // A rule that holds for objects of one form only; both must be of the other to be free.
        (
            #"{"name": "a", "sum": "x", "free": true}"#,
            #"{"name": "a", "sum": "y", "free": true}"#,
            ["members[a].sum"]
        ),
        (
            #"{"name": "a", "sum": "x", "free": true}"#, #"{"name": "a", "sum": "y"}"#,
            ["members[a].sum: the sums are the old ones", "members[a].free"]
        ),
    ])
    func namedElements(old: String, new: String, found: [String]) throws {
        #expect(
            try differences(#"{"members": [\#(old)]}"#, #"{"members": [\#(new)]}"#) == found)
    }

    @Test(arguments: [
        (
            #"{"format": "kept", "path": "p"}"#, #"{"format": "kept", "path": "p", "level": 1}"#,
            ["sinks[p].level"]
        ),
        (
            #"{"format": "kept", "path": "p"}"#, #"{"format": "kept", "path": "q"}"#,
            ["sinks[p]: batches are there", "sinks[q]: batches are there"]
        ),
        // What owns nothing comes and goes only where its kind says so.
        ("", #"{"format": "shown"}"#, ["sinks"]),
        (#"{"format": "shown", "rows": 1}"#, #"{"format": "shown", "rows": 2}"#, ["sinks"]),
        ("", #"{"format": "nameless"}"#, ["sinks: batches are there"]),
        (
            #"{"format": "nameless", "rows": 1}"#, #"{"format": "nameless", "rows": 2}"#,
            ["sinks: batches are there"]
        ),
        (#"{"format": "shown"}"#, #"{"format": "nameless"}"#, ["sinks: batches are there"]),
    ])
    func ownedPlaces(old: String, new: String, found: [String]) throws {
        #expect(try differences(#"{"sinks": [\#(old)]}"#, #"{"sinks": [\#(new)]}"#) == found)
    }

    @Test func meaningsDecideBeforeTexts() throws {
        let (old, new) = (
            #"{"members": [{"name": "a", "sum": "x"}]}"#,
            #"{"members": [{"name": "a", "sum": "y"}]}"#
        )
        func meaning(_ spelling: String, _ effect: String?) -> [String: SettingMeaning] {
            [
                "members[a].sum": SettingMeaning(
                    [spelling], effects: effect.map { [.init($0), .init("same")] } ?? [])
            ]
        }
        #expect(try differences(old, new, (meaning("x", nil), meaning("x", nil))) == [])
        #expect(
            try differences(old, new, (meaning("x", "long"), meaning("y", "long")))
                == ["members[a].sum"])
        #expect(
            try differences(old, new, (meaning("x", "long"), meaning("y", "int")))
                == ["members[a].sum: the sums are the old ones"])
        #expect(
            try differences(old, new, (meaning("x", nil), [:]))
                == ["members[a].sum: the sums are the old ones"])
    }
}
