import Columnar
import Expressions

/// What a command line asks for.
public enum Request {
    /// Carry out a verb.
    case perform(Arguments)
    /// Print the help of one verb.
    case explain(Verb)
    /// Print the overview of all verbs, or of one group (`log`).
    case overview(group: String?)
    /// Print the version.
    case version
}

/// Reads command lines against a table of verbs.
public struct Parser {
    /// Every verb there is.
    private let verbs: [Verb]
    /// The environment, for options that have a variable.
    private let environment: [String: String]
    /// What to do instead, for a word that is no verb and known.
    private let answer: (String) -> String?

    /// A parser of command lines with these verbs, and with answers to words that are none.
    public init(
        verbs: [Verb], environment: [String: String],
        answer: @escaping (String) -> String? = { _ in nil }
    ) {
        self.verbs = verbs
        self.environment = environment
        self.answer = answer
    }

    /// What a command line (without the program's name) asks for.
    public func parse(_ words: [String]) throws(UsageError) -> Request {
        guard let first = words.first else {
            throw UsageError("say what to do, for example: streamer run jobs/ohlcv.json")
        }
        switch first {
        case "--help", "-h": return .overview(group: nil)
        case "--version", "version": return .version
        case "help": return try help(about: Array(words.dropFirst()))
        default: break
        }
        guard !first.hasPrefix("-") else {
            throw UsageError("the first word is a verb, options follow it: '\(shown(first))'")
        }
        if words.count == 1 || isHelp(words[1]), isGroup(first) {
            if words.count > 1 { return .overview(group: first) }
            throw UsageError("'\(first)' needs one of: \(members(of: first))", verb: first)
        }
        let (verb, used) = try find(words)
        return try parse(Array(words.dropFirst(used)), for: verb)
    }

    private func isHelp(_ word: String) -> Bool { word == "--help" || word == "-h" }

    /// Whether a word is the first of several two-word verbs and no verb itself.
    private func isGroup(_ word: String) -> Bool {
        verbs.contains { $0.group == word && $0.name != word }
    }

    private func members(of group: String) -> String {
        verbs.filter { $0.group == group }.map { String($0.name.dropFirst(group.count + 1)) }
            .joined(separator: ", ")
    }

    private func help(about words: [String]) throws(UsageError) -> Request {
        let topic = words.filter { !$0.hasPrefix("-") }
        guard let first = topic.first else { return .overview(group: nil) }
        if topic.count == 1 && isGroup(first) { return .overview(group: first) }
        return .explain(try find(topic).verb)
    }

    /// The verb that a command line begins with, and of how many words it is.
    private func find(_ words: [String]) throws(UsageError) -> (verb: Verb, used: Int) {
        let first = words[0]
        if let verb = verbs.first(where: { $0.name == first }) { return (verb, 1) }
        if isGroup(first), words.count > 1 {
            let name = "\(first) \(words[1])"
            if let verb = verbs.first(where: { $0.name == name }) { return (verb, 2) }
            let names = verbs.filter { $0.group == first }
                .map { String($0.name.dropFirst(first.count + 1)) }
            let meant = nearest(to: words[1], among: names)
            throw UsageError(
                "'\(first)' has no verb '\(shown(words[1]))'; "
                    + (meant.map { "did you mean '\(first) \($0)'?" }
                        ?? "it has: \(listed(names))"),
                verb: first)
        }
        var seen: Set<String> = []
        let names = verbs.map(\.group).filter { seen.insert($0).inserted } + ["help"]
        let meant = nearest(to: first, among: names)
        throw UsageError(
            "there is no verb '\(shown(first))'; "
                + (answer(first) ?? meant.map { "did you mean '\($0)'?" }
                    ?? "the verbs are: \(listed(names))"))
    }

    private func parse(_ words: [String], for verb: Verb) throws(UsageError) -> Request {
        var arguments = Arguments(verb: verb)
        var plain: [String] = []
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            if word == "--" {
                plain += words[index...]
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                plain.append(word)
                continue
            }
            if isHelp(word) { return .explain(verb) }
            index += try read(option: word, next: words.dropFirst(index).first, &arguments)
        }
        try takeEnvironment(&arguments)
        try assign(plain, &arguments)
        return .perform(arguments)
    }

    /// Reads one option; returns how many words after it belong to it.
    private func read(
        option word: String, next: String?, _ arguments: inout Arguments
    ) throws(UsageError) -> Int {
        let verb = arguments.verb
        let equals = word.firstIndex(of: "=")
        let written = String(word[..<(equals ?? word.endIndex)])
        guard let option = verb.options.first(where: { $0.isWritten(written) }) else {
            let meant = nearest(
                to: String(written.drop { $0 == "-" }), among: verb.options.map(\.name))
            throw UsageError(
                "'\(verb.name)' has no option '\(shown(written))'"
                    + (meant.map { "; did you mean '--\($0)'?" } ?? ""), verb: verb.name)
        }
        let name = option.name
        guard arguments.values[name] == nil, !arguments.flags.contains(name) else {
            throw UsageError("the option --\(name) is given twice", verb: verb.name)
        }
        if option.isFlag {
            guard equals == nil else {
                throw UsageError("the option --\(name) takes no value", verb: verb.name)
            }
            arguments.flags.insert(name)
            return 0
        }
        let inline = equals.map { String(word[word.index(after: $0)...]) }
        guard let value = inline ?? next else {
            throw UsageError(
                "the option --\(name) needs a value: \(option.usage)", verb: verb.name)
        }
        if inline == nil, value.hasPrefix("--"), verb.option(String(value.dropFirst(2))) != nil {
            throw UsageError(
                "the option --\(name) needs a value before '\(value)': \(option.usage)",
                verb: verb.name)
        }
        if let fault = option.fault(of: value) {
            throw UsageError("--\(name) \(shown(value)): \(fault)", verb: verb.name)
        }
        arguments.values[name] = value
        return inline == nil ? 1 : 0
    }

    private func takeEnvironment(_ arguments: inout Arguments) throws(UsageError) {
        for option in arguments.verb.options where arguments.values[option.name] == nil {
            guard let variable = option.environment, let value = environment[variable],
                !value.isEmpty
            else { continue }
            if let fault = option.fault(of: value) {
                throw UsageError(
                    "the environment's \(variable)=\(shown(value)): \(fault)",
                    verb: arguments.verb.name)
            }
            arguments.values[option.name] = value
        }
    }

    private func assign(
        _ plain: [String], _ arguments: inout Arguments
    ) throws(UsageError) {
        let verb = arguments.verb
        var rest = plain[...]
        for positional in verb.positionals {
            switch positional.arity {
            case .oneOrMore, .any:
                if !rest.isEmpty { arguments.words[positional.name] = Array(rest) }
                rest = []
            case .one, .optional:
                if let word = rest.popFirst() { arguments.words[positional.name] = [word] }
            }
            let mayBeAbsent = positional.arity == .optional || positional.arity == .any
            guard mayBeAbsent || arguments.words[positional.name] != nil else {
                throw UsageError(
                    "\(positional.name) is missing: streamer \(usageLine(of: verb))",
                    verb: verb.name)
            }
        }
        if let extra = rest.first {
            throw UsageError(
                "'\(shown(extra))' is one word too many: streamer \(usageLine(of: verb))",
                verb: verb.name)
        }
    }
}

/// A word of the caller's as an error message shows it: without control characters, cut.
public func shown(_ word: String) -> String {
    let printable = escapingControls(word)
    return printable.count <= 80 ? printable : printable.prefix(79) + "…"
}
