import ConnectorAPI
import JSON
import Registry
import Settings
import Testing

@testable import Jobs

/// The files that ship agree with the code.
@Suite struct ShippedFilesTests {
    static let jobs = [
        "jobs/ohlcv.json", "jobs/live.json", "jobs/equity.json", "jobs/kafka.json",
        "jobs/postgres.json",
    ]
    static let remedy: Comment =
        "run STREAMER_UPDATE_FILES=1 swift test --filter JobsTests, and commit the files"

    @Test(arguments: jobs)
    func shippedJobLoads(path: String) throws {
        let bytes = try #require(ShippedFile.bytes(path))
        #expect(throws: Never.self) { try Job.load(bytes, path: path, registry: .all) }
    }

    @Test func schemaIsTheGeneratedOne() {
        let path = "jobs/job.schema.json"
        if ShippedFile.isUpdating { ShippedFile.write(Job.schemaText(.all), to: path) }
        #expect(ShippedFile.text(path) == Job.schemaText(.all), Self.remedy)
    }

    @Test func referenceHasTheGeneratedTables() throws {
        let path = "docs/job-reference.md"
        let (begin, end) = ("<!-- keys: generated -->\n", "<!-- end of keys -->")
        let text = try #require(ShippedFile.text(path))
        let parts = text.split(separator: begin, maxSplits: 1)
        try #require(parts.count == 2)
        let rest = parts[1].split(separator: end, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(rest.count == 2)
        let expected = parts[0] + begin + "\n" + Job.referenceTables(.all) + "\n" + end + rest[1]
        if ShippedFile.isUpdating { ShippedFile.write(String(expected), to: path) }
        #expect(text == expected || ShippedFile.isUpdating, Self.remedy)
    }

    /// Every key of the tables is in the schema under its table's definition, and no other.
    @Test func schemaHasTheKeysOfTheTables() throws {
        let schema = try JSONValue.parse(Job.schemaText(.all))
        for table in JobFormat(.all).job.tables {
            let definition =
                table.name == "job" ? schema : try #require(schema["$defs"]?[table.name])
            let keys = try #require(definition["properties"]?.members).map(\.key)
            // One that stands for many names is a pattern there.
            let named = table.keys.map(\.name).filter { !$0.hasSuffix("*") }
            #expect(keys == (table.tag == nil ? [] : ["format"]) + named)
        }
    }

    /// Every default passes the check of its own key: the tables agree with themselves.
    @Test func defaultsAndExamplesAreValid() throws {
        let text = try SettingsText.read(Array("{}".utf8), file: "x", environment: [:]).text
        for table in JobFormat(.all).job.tables {
            for key in table.keys {
                for value in key.examples + [key.fallback].compactMap(\.self) {
                    var checker = SettingsChecker(text)
                    _ = checker.check(value, key.shape, .here)
                    #expect(checker.faults.found.isEmpty, "\(table.name).\(key.name)")
                }
            }
        }
    }
}
