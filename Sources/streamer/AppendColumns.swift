import Columnar
import CommandLine
import ConnectorAPI

/// The name of a column of the files that the log does not get.
private let passedOver = "_"

/// Columns as --schema describes them.
extension DescribedFiles.Column {
    /// A column of a log.
    init(of log: Field) { self.init(log, isSkipped: log.name == passedOver) }

    /// Reads `name type [NOT NULL], …`.
    static func list(_ text: String) throws(UsageError) -> [DescribedFiles.Column] {
        var columns: [DescribedFiles.Column] = []
        for part in splitAtTopLevel(text) {
            columns.append(try DescribedFiles.Column(parsing: part))
        }
        let names = columns.filter { !$0.isSkipped }.map(\.field)
        if let name = Schema.duplicateName(in: names) {
            throw UsageError("--schema names the column '\(shown(name))' twice")
        }
        return columns
    }

    private init(parsing text: String) throws(UsageError) {
        var words = text.split(separator: " " as Character).map(String.init)
        var isNullable = true
        if words.count > 3, words.suffix(2).map({ $0.lowercased() }) == ["not", "null"] {
            isNullable = false
            words.removeLast(2)
        }
        guard words.count >= 2 || words == [passedOver] else {
            throw UsageError(
                "--schema: '\(shown(text))' is no column; write it as: price double")
        }
        // Blanks are a part of a pattern, and nothing elsewhere.
        let typeText = words.count == 1 ? "string" : words.dropFirst().joined()
        if typeText.lowercased().hasPrefix("timestamp("), typeText.hasSuffix(")") {
            let spaced = words.dropFirst().joined(separator: " ")
            let start = spaced.firstIndex(of: "(").map(spaced.index(after:)) ?? spaced.startIndex
            let format = String(spaced[start...].dropLast())
            self.init(
                Field(words[0], .timestamp, isNullable: isNullable), timestampFormat: format,
                isSkipped: words[0] == passedOver)
            return
        }
        guard let type = DataType(parsing: typeText) else {
            let meant = nearest(to: typeText, among: DataType.names)
            throw UsageError(
                "--schema: there is no type '\(shown(typeText))'; "
                    + (meant.map { "did you mean '\($0)'?" }
                        ?? "the types are: \(DataType.names.joined(separator: ", "))"))
        }
        self.init(Field(words[0], type, isNullable: isNullable), isSkipped: words[0] == passedOver)
    }

    /// The parts between commas that are not inside parentheses, without the spaces around them.
    private static func splitAtTopLevel(_ text: String) -> [String] {
        var parts: [Substring] = []
        var depth = 0
        var start = text.startIndex
        for index in text.indices {
            switch text[index] {
            case "(": depth += 1
            case ")": depth -= 1
            case "," where depth == 0:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return (parts + [text[start...]]).map(trimmed)
    }
}
