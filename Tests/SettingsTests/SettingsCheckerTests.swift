import JSON
import Testing

@testable import Settings

/// How a text of settings is checked and read.
@Suite struct SettingsCheckerTests {
    private static let parts = [
        ObjectShape(
            name: "lake", summary: "Files.", tag: "lake",
            keys: [.required("path", .text(.path), "Where.")]),
        ObjectShape(
            name: "queue", summary: "A queue.", tag: "queue",
            keys: [
                .required("client.servers", .text(.any), "Where."),
                .optional("client.*", .text(.any), "Passed on.", absence: "nothing"),
                .optional("password", .text(.secret), "A secret.", absence: "none"),
                .optional(
                    "value",
                    .variants(
                        key: "format",
                        [
                            ObjectShape(
                                name: "rawValue", summary: "Bytes.", tag: "raw", isUsual: true,
                                keys: []),
                            ObjectShape(
                                name: "jsonValue", summary: "Objects.", tag: "json",
                                keys: [
                                    .optional(
                                        "types", .map(.text(.type)), "Types by name.",
                                        default: [:])
                                ]),
                        ]), "What it holds.", default: [:]),
            ]),
    ]

    private func check(
        _ text: String, environment: Variables = [:]
    ) throws -> (SettingsReader?, [SettingFault]) {
        let (read, faults) = try SettingsText.read(
            Array(text.utf8), file: "x", environment: environment)
        var checker = SettingsChecker(read)
        let value = checker.check(read.root, .variants(key: "format", Self.parts), .here)
        return (value.map(SettingsReader.init), faults + checker.faults.found)
    }

    @Test func anUnknownFormatGetsTheNearestAndTheList() throws {
        let fault = try #require(check(#"{"format": "quue"}"#).1.first)
        #expect(fault.pointer == "/format" && fault.suggestion == "queue")
        #expect(
            fault.message
                == "Expected \"lake\" or \"queue\", found \"quue\". Did you mean \"queue\"?")
    }

    @Test func namesThatBeginSoAreOneKey() throws {
        let (object, faults) = try check(
            #"{"format": "queue", "client.servers": "a", "client.id": "b", "client.x.y": "c"}"#)
        #expect(faults.isEmpty)
        #expect(
            object?.strings(beginning: "client.") == ["servers": "a", "id": "b", "x.y": "c"])
        let wrong = try check(
            #"{"format": "queue", "client.servers": "a", "client.id": 1, "client.": "c"}"#
        ).1
        #expect(wrong.map(\.pointer) == ["/client.id", "/client."])
    }

    @Test func anObjectInsideFollowsItsOwnFormat() throws {
        let (object, faults) = try check(
            #"""
            {"format": "queue", "client.servers": "a",
             "value": {"format": "json", "types": {"t": "timestamp", "p": "double"}}}
            """#)
        #expect(faults.isEmpty)
        let value = try #require(object?.object("value"))
        #expect(value.string("format") == "json")
        #expect(value.optional("types")?["p"] == "double")
        let usual = try check(#"{"format": "queue", "client.servers": "a"}"#).0
        #expect(usual?.object("value").string("format") == "raw")
        let wrong = try check(
            #"""
            {"format": "queue", "client.servers": "a",
             "value": {"format": "json", "types": {"t": "tmestamp"}}}
            """#
        ).1
        #expect(wrong.map(\.pointer) == ["/value/types/t"])
    }

    @Test func aSecretStaysAsItIsWritten() throws {
        let (object, faults) = try check(
            #"{"format": "queue", "client.servers": "${HOST}", "password": "${PASSWORD}"}"#,
            environment: ["HOST": "h", "PASSWORD": "hunter2"])
        #expect(faults.isEmpty)
        #expect(object?.string("client.servers") == "h")
        #expect(object?.string("password") == "${PASSWORD}")
        #expect(object?.value.text().contains("hunter2") == false)
    }

    @Test func aSchemaHasNamesThatBeginSo() throws {
        let table = ObjectShape(
            name: "job", summary: "A job.",
            keys: [.required("part", .variants(key: "format", Self.parts), "A part.")])
        let schema = table.jsonSchema(title: "x")
        let queue = try #require(schema["$defs"]?["queue"])
        #expect(queue["patternProperties"]?["^client\\."] != nil)
        #expect(queue["properties"]?["client.servers"] != nil)
        #expect(queue["properties"]?["client.*"] == nil)
        #expect(table.referenceTables.contains("| `client.*` |"))
    }
}
