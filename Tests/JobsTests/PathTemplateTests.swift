import Jobs
import Testing

@Suite struct PathTemplateTests {
    @Test(arguments: [
        ("{symbol}/{date}_trade.zip", "../data/us/bac/20131007_trade.zip", ["bac", "20131007"]),
        ("{symbol}/{date}_trade.zip", "bac/20131007_trade.zip", ["bac", "20131007"]),
        ("{symbol}_{symbol}.csv", "x/aa_aa.csv", ["aa", "aa"]),
        ("a.csv", "b/a.csv", []),
    ])
    func matchesTheEndOfAPath(pattern: String, path: String, values: [String]) throws {
        let template = try #require(PathTemplate(parsing: pattern))
        let found = try #require(template.match(path))
        #expect(template.names.map { found[$0] } == values)
    }

    @Test(arguments: [
        ("{symbol}/{date}.csv", "20131007.csv"), ("{a}.csv", ".csv"), ("a.csv", "ba.csv"),
        ("{symbol}_{symbol}.csv", "x/aa_bb.csv"), ("{a}.csv", "x/y.csv.gz"),
    ])
    func refusesOtherPaths(pattern: String, path: String) throws {
        #expect(try #require(PathTemplate(parsing: pattern)).match(path) == nil)
    }

    @Test(arguments: ["{", "{}", "a}", "{a b}", "{a"])
    func refusesBadTemplates(text: String) {
        #expect(PathTemplate(parsing: text) == nil)
    }

    @Test func fillsIn() throws {
        let template = try #require(PathTemplate(parsing: "x{a}y{b}"))
        #expect(template.text(["a": "1", "b": "2"]) == "x1y2")
        #expect(template.text(["a": "1"]) == nil)
    }
}
