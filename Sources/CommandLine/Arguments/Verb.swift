/// What the process tells its caller.
public enum ExitCode: Int32, Sendable {
    /// Done.
    case done = 0
    /// The job failed, or damage was found.
    case failed = 1
    /// The command line or the job file is wrong; nothing was started.
    case usage = 2
    /// Stopped by a signal after a clean commit.
    case interrupted = 130
}

/// The caller's mistake: a command line that cannot be carried out.
public struct UsageError: Error {
    /// What is wrong and what would be right, in one line.
    public let message: String
    /// The verb whose help explains more.
    public let verb: String?

    /// A mistake in the use of a verb.
    public init(_ message: String, verb: String? = nil) {
        self.message = message
        self.verb = verb
    }
}

/// One verb of the command line: what it takes, what help says, what it does.
public struct Verb: Sendable {
    /// What a user types: `run`, `log append`.
    public let name: String
    /// What it does, in a few words.
    let summary: String
    /// More for its own help page; lines as they are printed.
    let details: String
    /// The words it takes.
    let positionals: [Positional]
    /// The options it takes.
    let options: [Option]
    /// Command lines that work.
    let examples: [String]
    /// Does it.
    public let body: @Sendable (Arguments, Console) throws -> ExitCode

    /// A verb of these parts.
    public init(
        name: String, summary: String, details: String, positionals: [Positional],
        options: [Option], examples: [String],
        body: @escaping @Sendable (Arguments, Console) throws -> ExitCode
    ) {
        self.name = name
        self.summary = summary
        self.details = details
        self.positionals = positionals
        self.options = options
        self.examples = examples
        self.body = body
    }

    /// The first word of the name.
    var group: String { String(name.prefix { $0 != " " }) }

    /// The option of that name, or `nil`.
    func option(_ name: String) -> Option? { options.first { $0.name == name } }
}

/// A command line of one verb after parsing: every value has been checked against its option.
public struct Arguments: Sendable {
    /// The verb it is for.
    public let verb: Verb
    var values: [String: String] = [:]
    var flags: Set<String> = []
    var words: [String: [String]] = [:]

    /// Whether a flag is given.
    public func has(_ name: String) -> Bool { flags.contains(name) }

    /// The value of an option, or its default, or `nil`.
    public func text(_ name: String) -> String? {
        precondition(verb.option(name) != nil, "\(verb.name) has no option \(name)")
        return values[name] ?? verb.option(name)?.fallback
    }

    /// The value of a numeric option, or its default, or `nil`.
    public func count(_ name: String) -> Int64? { text(name).flatMap(wholeNumber) }

    /// The value of a row limit: `fallback` when not given, `nil` for no limit.
    public func limit(_ name: String, fallback: Int?) -> Int? {
        guard let value = text(name) else { return fallback }
        return value == "all" ? nil : wholeNumber(value).map { Int(clamping: $0) }
    }

    /// A word that must be there.
    public func word(_ name: String) -> String {
        guard let word = words[name]?.first else {
            preconditionFailure("\(verb.name) has no required word \(name)")
        }
        return word
    }

    /// A word that may have been left out.
    public func optionalWord(_ name: String) -> String? { words[name]?.first }

    /// All words of a list.
    public func list(_ name: String) -> [String] { words[name] ?? [] }

    /// - Throws: when more than one of these options is given.
    public func requireAtMostOne(of names: String...) throws(UsageError) {
        let given = names.filter { values[$0] != nil || flags.contains($0) }
        guard given.count > 1 else { return }
        throw fault("--\(given[0]) and --\(given[1]) exclude each other; give one of them")
    }

    /// A mistake in this command line.
    public func fault(_ message: String) -> UsageError { UsageError(message, verb: verb.name) }
}
