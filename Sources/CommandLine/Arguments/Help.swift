/// How a verb is used, in one line: `log cat LOG [options]`.
func usageLine(of verb: Verb) -> String {
    ([verb.name] + verb.positionals.map(\.usage) + (verb.options.isEmpty ? [] : ["[options]"]))
        .joined(separator: " ")
}

/// The help page of one verb.
public func helpPage(of verb: Verb) -> String {
    var lines = ["streamer \(usageLine(of: verb))", "", sentence(verb.summary)]
    if !verb.details.isEmpty { lines += ["", verb.details] }
    if !verb.positionals.isEmpty {
        lines += ["", "Arguments:"] + aligned(verb.positionals.map { ($0.name, $0.help) })
    }
    let options = verb.options.map { ($0.usage, describe($0)) }
    lines += ["", "Options:"] + aligned(options + [("--help", "print this page")])
    if !verb.examples.isEmpty {
        lines += ["", "Examples:"] + verb.examples.map { "  \($0)" }
    }
    return lines.joined(separator: "\n") + "\n"
}

/// The page that lists the verbs, of one group or all.
public func overviewPage(of verbs: [Verb], group: String?) -> String {
    guard let group else {
        let listed = verbs.map { ($0.name, $0.summary) } + [("help [VERB]", "print a help page")]
        return """
            streamer VERB [arguments] [options]

            A micro-batch stream engine for market ticks: reads a log of ticks, folds them into
            event-time windows, publishes each batch exactly once as Parquet.

            Verbs:
            \(aligned(listed).joined(separator: "\n"))

            Results go to standard output, messages to standard error.
            Exit codes: 0 done, 1 failed, 2 wrong command line or job file, 130 stopped by a signal.
            Environment: STREAMER_FORMAT and STREAMER_THREADS stand in for --format and --threads;
            NO_COLOR turns colours off.

            Start here:
              streamer run jobs/ohlcv.json
              streamer help run

            """
    }
    let members = verbs.filter { $0.group == group }
    return """
        streamer \(group) VERB [arguments] [options]

        Verbs:
        \(aligned(members.map { ($0.name, $0.summary) }).joined(separator: "\n"))

        streamer help \(members[0].name) tells more about one of them.

        """
}

private func describe(_ option: Option) -> String {
    let notes = [
        option.fallback.map { "default: \($0)" }, option.environment.map { "environment: \($0)" },
    ].compactMap(\.self)
    return notes.isEmpty ? option.help : "\(option.help) (\(notes.joined(separator: "; ")))"
}

/// Two columns, the right one wrapped; a left text too wide for its column has the right one on
/// the next line.
private func aligned(_ rows: [(String, String)]) -> [String] {
    let leftWidthMax = 26
    let lineWidthMax = 100
    let width = rows.map { displayWidth($0.0) }.filter { $0 <= leftWidthMax }.max() ?? 0
    return rows.flatMap { left, right in
        var lines: [String] = []
        var lead = "  \(left)\(spaces(width - displayWidth(left)))"
        if displayWidth(left) > width {
            lines.append(lead)
            lead = "  " + spaces(width)
        }
        for part in wrapped(right, width: lineWidthMax - width - 4) {
            lines.append("\(lead)  \(part)")
            lead = "  " + spaces(width)
        }
        return lines
    }
}

/// A text in lines of whole words.
private func wrapped(_ text: String, width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " " as Character) {
        let line = lines[lines.count - 1]
        if line.isEmpty {
            lines[lines.count - 1] = String(word)
        } else if displayWidth(line) + 1 + displayWidth(String(word)) <= width {
            lines[lines.count - 1] += " \(word)"
        } else {
            lines.append(String(word))
        }
    }
    return lines
}

private func sentence(_ summary: String) -> String {
    summary.prefix(1).uppercased() + summary.dropFirst() + "."
}
