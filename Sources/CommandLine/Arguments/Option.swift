import Columnar
import Expressions

/// One option of a verb: how it is written, what value it takes, what help says about it.
public struct Option: Sendable {
    /// What may stand after the option.
    enum Kind: Sendable {
        /// Nothing: the option is given or not.
        case flag
        /// Any text.
        case text
        /// A whole number from a smallest value on.
        case count(from: Int64)
        /// A number of rows, or `all`.
        case limit
        /// One of these words.
        case choice([String])
    }

    /// The name without dashes.
    let name: String
    /// A letter that stands for it after one dash, or `nil`.
    let letter: Character?
    /// What may stand after it.
    let kind: Kind
    /// How help writes the value: `N`, `FILE`.
    let placeholder: String
    /// What it does, in one line.
    let help: String
    /// The value when the option is not given, as a user would write it.
    let fallback: String?
    /// The environment variable that gives the value when the command line does not.
    let environment: String?

    private init(
        _ name: String, _ kind: Kind, _ placeholder: String, _ help: String,
        letter: Character? = nil, fallback: String? = nil, environment: String? = nil
    ) {
        self.name = name
        self.letter = letter
        self.kind = kind
        self.placeholder = placeholder
        self.help = help
        self.fallback = fallback
        self.environment = environment
    }

    /// An option that is given or not.
    public static func flag(_ name: String, letter: Character? = nil, _ help: String) -> Option {
        Option(name, .flag, "", help, letter: letter)
    }

    /// An option with any text.
    public static func text(
        _ name: String, _ placeholder: String, _ help: String, fallback: String? = nil
    ) -> Option {
        Option(name, .text, placeholder, help, fallback: fallback)
    }

    /// An option with a whole number.
    public static func count(
        _ name: String, _ help: String, from smallest: Int64 = 0, fallback: String? = nil,
        environment: String? = nil
    ) -> Option {
        Option(
            name, .count(from: smallest), "N", help, fallback: fallback, environment: environment)
    }

    /// An option with a number of rows, or `all`.
    public static func limit(_ name: String, _ help: String) -> Option {
        Option(name, .limit, "N|all", help)
    }

    /// An option with one of a few words.
    public static func choice(
        _ name: String, _ words: [String], _ help: String, fallback: String? = nil,
        environment: String? = nil
    ) -> Option {
        Option(
            name, .choice(words), words.joined(separator: "|"), help, fallback: fallback,
            environment: environment)
    }

    /// Whether the option stands alone.
    var isFlag: Bool { if case .flag = kind { true } else { false } }

    /// The option as help writes it: `--limit N`; `-f, --follow`.
    var usage: String {
        let long = isFlag ? "--\(name)" : "--\(name) \(placeholder)"
        return letter.map { "-\($0), \(long)" } ?? long
    }

    /// Whether a word of a command line is this option: `--follow`, `-f`.
    func isWritten(_ word: String) -> Bool {
        word == "--\(name)" || letter.map { word == "-\($0)" } ?? false
    }

    /// What is wrong with a value, or `nil`.
    func fault(of value: String) -> String? {
        switch kind {
        case .flag:
            return nil
        case .text:
            return value.isEmpty ? "a value is missing" : nil
        case .count(let smallest):
            guard let number = wholeNumber(value) else { return "expected a whole number" }
            return number < smallest ? "expected \(smallest) or more" : nil
        case .limit:
            if value == "all" { return nil }
            guard let number = wholeNumber(value), number >= 0 else {
                return "expected a whole number or 'all'"
            }
            return nil
        case .choice(let words):
            if words.contains(value) { return nil }
            let meant = nearest(to: value, among: words).map { "; did you mean '\($0)'?" } ?? ""
            return "expected \(words.joined(separator: ", "))\(meant)"
        }
    }
}

/// A word of a command line that is not an option.
public struct Positional: Sendable {
    /// How many words it stands for.
    enum Arity: Sendable { case one, optional, oneOrMore, any }

    /// The name in help: `JOB`.
    let name: String
    /// How many words it stands for; `oneOrMore` and `any` only in the last place.
    let arity: Arity
    /// What it is, in one line.
    let help: String

    /// A word that must be there.
    public static func required(_ name: String, _ help: String) -> Positional {
        Positional(name: name, arity: .one, help: help)
    }

    /// A word that may be left out.
    public static func optional(_ name: String, _ help: String) -> Positional {
        Positional(name: name, arity: .optional, help: help)
    }

    /// One or more words, the last of a command line.
    public static func list(_ name: String, _ help: String) -> Positional {
        Positional(name: name, arity: .oneOrMore, help: help)
    }

    /// Any number of words, the last of a command line.
    public static func any(_ name: String, _ help: String) -> Positional {
        Positional(name: name, arity: .any, help: help)
    }

    /// The word as the usage line writes it.
    var usage: String {
        switch arity {
        case .one: name
        case .optional: "[\(name)]"
        case .oneOrMore: "\(name)…"
        case .any: "[\(name)…]"
        }
    }
}

/// A whole number in decimal digits, also grouped: `1_000_000`, `1,000,000`; `nil` for others.
public func wholeNumber(_ text: String) -> Int64? {
    let digits = text.filter { $0 != "_" && $0 != "," }
    guard let first = text.first, first != "_", first != ",", first != "+" else { return nil }
    return Int64(digits)
}
