import CommandLine
import ConnectorAPI
import Registry

/// What to do instead, for words that users of other programs look for here.
///
/// - Returns: the rest of the sentence "there is no verb …; "; nil for words that say nothing.
func answer(toVerb word: String) -> String? {
    let word = word.lowercased()
    if let known = knownWords[word] { return known }
    guard let noun = ConnectorRegistry.all.noun(of: word) else { return nil }
    return "'\(word)' is \(noun): a \"format\" in a job file, see docs/job-reference.md"
}

private let knownWords: [String: String] = {
    let answers: [(words: [String], answer: String)] = [
        (
            ["lag", "status", "health", "top", "ps", "progress", "monitor", "why", "metrics"],
            "'streamer doctor JOB' tells how far a job is and what it waits for"
        ),
        (
            ["init", "new", "create", "setup", "quickstart", "config", "example"],
            "nothing has to be set up: 'streamer run jobs/ohlcv.json' is a whole example, a job file "
                + "is all that you write"
        ),
        (["start", "submit", "exec", "launch", "spark-submit"], "'streamer run JOB' runs a job"),
        (
            ["stop", "kill", "cancel", "shutdown"],
            "Ctrl-C or SIGTERM ends a run behind the batch that it is in"
        ),
        (
            ["resume", "restart", "continue", "recover"],
            "'streamer run JOB' goes on where the checkpoint says"
        ),
        (
            ["reset", "rm", "remove", "delete", "drop", "clean", "purge"],
            "'streamer clear JOB' empties it"
        ),
        (
            ["ingest", "import", "load", "produce", "append", "write", "feed"],
            "'streamer log append LOG FILE' fills a log, and so does \"feed\" in a job"
        ),
        (
            ["cat", "tail", "consume", "read", "head"],
            "'streamer log cat' and 'streamer log tail' show a log"
        ),
        (
            ["sql", "query", "select", "show", "ls", "list"],
            "'streamer lake show TABLE --where …' prints rows, 'streamer lake ls' the tables"
        ),
        (["export", "dump"], "'streamer lake export TABLE' writes a table's rows"),
        (
            ["compact", "optimize", "vacuum", "optimise"],
            "'streamer lake compact' puts small files together"
        ),
        (
            ["check", "lint", "test", "verify"],
            "'streamer validate JOB' checks a job, 'streamer lake verify' tables"
        ),
        (["plan", "describe", "dag"], "'streamer explain JOB' shows the plan"),
        (
            ["s3", "s3a", "gs", "gcs", "hdfs", "abfs", "azure"],
            "paths are of this machine; mount the store, or copy its files"
        ),
    ]
    var words: [String: String] = [:]
    for (names, answer) in answers {
        for name in names { words[name] = answer }
    }
    return words
}()
