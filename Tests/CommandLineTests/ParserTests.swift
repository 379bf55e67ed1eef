import Testing

@testable import CommandLine

private func verb(
    _ name: String, _ positionals: [Positional] = [], _ options: [Option] = []
) -> Verb {
    Verb(
        name: name, summary: "does \(name)", details: "", positionals: positionals,
        options: options, examples: []
    ) { _, _ in .done }
}

private let verbs = [
    verb(
        "run", [.required("JOB", "a job file")],
        [
            .flag("follow", letter: "f", "go on"),
            .count("threads", "threads", from: 1, fallback: "2", environment: "STREAMER_THREADS"),
            .text("into", "FOLDER", "where to"), .limit("limit", "rows"),
            .choice("format", ["table", "json", "csv"], "how"),
        ]),
    verb("log append", [.required("LOG", "a log"), .any("FILE", "files")]),
    verb("log cat", [.optional("LOG", "a log")]),
    verb("eval", [.list("EXPRESSION", "expressions")]),
]

private func parse(
    _ words: String..., environment: [String: String] = [:]
) throws(UsageError) -> Request {
    try Parser(verbs: verbs, environment: environment).parse(words)
}

/// What a command line to be carried out says.
private func arguments(
    _ words: String..., environment: [String: String] = [:]
) throws -> Arguments {
    let request = try Parser(verbs: verbs, environment: environment).parse(words)
    guard case .perform(let arguments) = request else { throw UsageError("nothing to perform") }
    return arguments
}

private func fault(_ words: String..., environment: [String: String] = [:]) -> String? {
    do {
        _ = try Parser(verbs: verbs, environment: environment).parse(words)
        return nil
    } catch {
        return error.message
    }
}

@Suite struct ParserTests {
    @Test func wordsAndOptionsInAnyOrder() throws {
        let given = try arguments("run", "--threads", "4", "job.json", "-f", "--limit=1_000")
        #expect(given.word("JOB") == "job.json")
        #expect(given.has("follow"))
        #expect(given.count("threads") == 4)
        #expect(given.limit("limit", fallback: nil) == 1_000)
        #expect(given.text("into") == nil)
    }

    @Test func whatIsNotGivenHasItsDefault() throws {
        let given = try arguments("run", "job.json")
        #expect(given.count("threads") == 2)
        #expect(!given.has("follow"))
        #expect(given.limit("limit", fallback: 20) == 20)
        #expect(try arguments("run", "a", "--limit", "all").limit("limit", fallback: 20) == nil)
        #expect(try arguments("log", "cat").optionalWord("LOG") == nil)
        #expect(try arguments("log", "append", "log/a", "x", "y").list("FILE") == ["x", "y"])
    }

    @Test func theCommandLineWinsOverTheEnvironment() throws {
        let environment = ["STREAMER_THREADS": "3"]
        #expect(try arguments("run", "a", environment: environment).count("threads") == 3)
        #expect(
            try arguments("run", "a", "--threads", "5", environment: environment)
                .count("threads") == 5)
        #expect(
            fault("run", "a", environment: ["STREAMER_THREADS": "none"])
                == "the environment's STREAMER_THREADS=none: expected a whole number")
        #expect(try arguments("run", "a", environment: ["STREAMER_THREADS": ""]).verb.name == "run")
    }

    @Test func afterTwoDashesEverythingIsAWord() throws {
        #expect(try arguments("eval", "--", "--a", "-b").list("EXPRESSION") == ["--a", "-b"])
        #expect(try arguments("eval", "-").list("EXPRESSION") == ["-"])
    }

    @Test(arguments: [
        (["rum"], "there is no verb 'rum'; did you mean 'run'?"),
        (["log", "apend"], "'log' has no verb 'apend'; did you mean 'log append'?"),
        (["log"], "'log' needs one of: append, cat"),
        (["--threads"], "the first word is a verb, options follow it: '--threads'"),
        (["run"], "JOB is missing: streamer run JOB [options]"),
        (["run", "a", "b"], "'b' is one word too many: streamer run JOB [options]"),
        (["run", "a", "--thread"], "'run' has no option '--thread'; did you mean '--threads'?"),
        (["run", "a", "--threads"], "the option --threads needs a value: --threads N"),
        (
            ["run", "a", "--into", "--follow"],
            "the option --into needs a value before '--follow': --into FOLDER"
        ),
        (["run", "a", "--follow=yes"], "the option --follow takes no value"),
        (["run", "a", "-f", "--follow"], "the option --follow is given twice"),
        (["run", "a", "--threads", "0"], "--threads 0: expected 1 or more"),
        (["run", "a", "--threads", "+1"], "--threads +1: expected a whole number"),
        (["run", "a", "--limit", "-1"], "--limit -1: expected a whole number or 'all'"),
        (["run", "a", "--into="], "--into : a value is missing"),
        (
            ["run", "a", "--format", "jsn"],
            "--format jsn: expected table, json, csv; did you mean 'json'?"
        ),
        (["eval"], "EXPRESSION is missing: streamer eval EXPRESSION…"),
    ])
    func faults(words: [String], message: String) {
        do {
            _ = try Parser(verbs: verbs, environment: [:]).parse(words)
            Issue.record("\(words) is accepted")
        } catch {
            #expect(error.message == message)
        }
    }

    @Test func aWordOfManyControlCharactersIsShownEscapedAndCut() {
        #expect(shown("a\u{1B}[0m\nb") == "a\\u{1b}[0m\\nb")
        #expect(shown(String(repeating: "x", count: 200)).count == 80)
    }

    @Test func helpAndVersion() throws {
        guard case .overview(group: nil) = try parse("--help") else { return unexpected() }
        guard case .overview(group: "log") = try parse("log", "-h") else { return unexpected() }
        guard case .overview(group: "log") = try parse("help", "log") else { return unexpected() }
        guard case .explain(let verb) = try parse("run", "a", "--help"), verb.name == "run"
        else { return unexpected() }
        guard case .explain(let other) = try parse("help", "log", "cat"), other.name == "log cat"
        else { return unexpected() }
        guard case .version = try parse("--version") else { return unexpected() }
    }

    private func unexpected() { Issue.record("another request was read") }

    @Test func aPageNamesWordsOptionsAndDefaults() {
        let page = helpPage(of: verbs[0])
        for part in [
            "streamer run JOB [options]", "Does run.", "-f, --follow", "--limit N|all",
            "threads (default: 2; environment: STREAMER_THREADS)",
        ] {
            #expect(page.contains(part), "\(part)")
        }
        #expect(overviewPage(of: verbs, group: "log").contains("log append"))
        #expect(overviewPage(of: verbs, group: nil).contains("eval"))
    }

    @Test(
        arguments: [
            ("0", 0), ("1_000", 1_000), ("1,000,000", 1_000_000), ("-5", -5),
            ("9223372036854775807", .max),
        ] as [(String, Int64)])
    func wholeNumbers(text: String, value: Int64) { #expect(wholeNumber(text) == value) }

    @Test(arguments: ["", "_1", ",1", "+1", "1.0", "9223372036854775808", "१"])
    func whatIsNoWholeNumber(text: String) { #expect(wholeNumber(text) == nil) }
}
