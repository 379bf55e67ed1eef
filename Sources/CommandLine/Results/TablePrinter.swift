/// Prints rows of cells under headers, aligned by display width.
public struct TablePrinter {
    private let headers: [String]
    private let isRight: [Bool]
    private var widths: [Int]
    private var hasHeader = false

    /// A table of these columns; numbers stand on the right.
    public init(headers: [String], isRight: [Bool]) {
        self.headers = headers.map(escapingControls)
        self.isRight = isRight
        widths = self.headers.map(displayWidth)
    }

    /// Prints rows; the first call prints the headers before them.
    public mutating func print(_ rows: [[String]], on console: Console) {
        for row in rows {
            for (index, cell) in row.enumerated() {
                widths[index] = max(widths[index], displayWidth(cell))
            }
        }
        if !hasHeader {
            hasHeader = true
            console.print(console.styled(line(headers), .bold, on: console.output))
            let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
            console.print(console.styled(rule, .dim, on: console.output))
        }
        for row in rows { console.print(line(row)) }
    }

    private func line(_ cells: [String]) -> String {
        var text = ""
        for (index, cell) in cells.enumerated() {
            let padding = spaces(widths[index] - displayWidth(cell))
            if index > 0 { text += "  " }
            if isRight[index] {
                text += padding + cell
            } else {
                // Nothing follows the last column, so nothing need be padded.
                text += index == cells.count - 1 ? cell : cell + padding
            }
        }
        return text
    }
}
