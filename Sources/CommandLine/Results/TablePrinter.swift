/// Prints rows of cells under headers, aligned by display width.
///
/// With a width it leaves out what has no room: texts are cut, then columns in the middle go.
public struct TablePrinter {
    private let headers: [String]
    private let isRight: [Bool]
    private let isText: [Bool]
    private let widthMax: Int?
    private var widths: [Int]
    private var columns: [Int?] = []
    private var hasHeader = false

    /// A table of these columns; numbers stand on the right.
    ///
    /// - Parameters:
    ///   - headers: the names of the columns.
    ///   - isRight: which of them stand on the right.
    ///   - isText: which of them are texts, which may be cut; by default those on the left.
    ///   - widthMax: how wide a line may be; nil for any width.
    public init(
        headers: [String], isRight: [Bool], isText: [Bool]? = nil, widthMax: Int? = nil
    ) {
        self.headers = headers.map(escapingControls)
        self.isRight = isRight
        self.isText = isText ?? isRight.map { !$0 }
        self.widthMax = widthMax
        widths = self.headers.map(displayWidth)
    }

    /// How many columns had no room; known after the first rows.
    public var columnsLeftOut: Int { hasHeader ? headers.count - columns.count { $0 != nil } : 0 }

    /// Prints rows; the first call prints the headers before them.
    public mutating func print(_ rows: [[String]], on console: Console) {
        for row in rows {
            for (index, cell) in row.enumerated() where !(hasHeader && widthMax != nil) {
                widths[index] = max(widths[index], displayWidth(cell))
            }
        }
        if !hasHeader {
            hasHeader = true
            fit()
            console.print(console.styled(line(headers), .bold, on: console.output))
            let rule = columns.map { String(repeating: "─", count: $0.map { widths[$0] } ?? 1) }
                .joined(separator: spaces(TableFit.gap))
            console.print(console.styled(rule, .dim, on: console.output))
        }
        for row in rows { console.print(line(row)) }
    }

    private mutating func fit() {
        columns = widths.indices.map { $0 }
        guard let widthMax else { return }
        let fit = TableFit(widths: widths, isText: isText, widthMax: widthMax)
        (columns, widths) = (fit.columns, fit.widths)
    }

    private func line(_ cells: [String]) -> String {
        var text = ""
        for (place, column) in columns.enumerated() {
            if place > 0 { text += spaces(TableFit.gap) }
            guard let column else {
                text += "…"
                continue
            }
            let cell = widthMax == nil ? cells[column] : cut(cells[column], to: widths[column])
            let padding = spaces(widths[column] - displayWidth(cell))
            if isRight[column] {
                text += padding + cell
            } else {
                // Nothing follows the last column, so nothing need be padded.
                text += place == columns.count - 1 ? cell : cell + padding
            }
        }
        return text
    }
}
