/// A text with others below it, printed with lines that show what belongs to what.
public struct Tree {
    /// The text; further lines stand under the first.
    public let label: String
    /// What is below it, in order.
    public var children: [Tree]

    /// A text and what is below it.
    public init(_ label: String, _ children: [Tree] = []) {
        self.label = label
        self.children = children
    }

    /// The tree's lines.
    public var lines: [String] {
        var result = label.split(separator: "\n" as Character).map(String.init)
        for (index, child) in children.enumerated() {
            let isLast = index == children.count - 1
            for (number, line) in child.lines.enumerated() {
                let lead = number == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")
                result.append(lead + line)
            }
        }
        return result
    }
}
