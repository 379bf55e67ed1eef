/// Which columns of a table a terminal has room for, and how wide each of them is.
///
/// First long texts are cut, then columns in the middle are left out: what names a row stands at the
/// left, what was computed last at the right.
struct TableFit: Equatable {
    /// The columns that are shown, ascending; nil stands for those that were left out.
    let columns: [Int?]
    /// The width of each column of the table, shown or not.
    let widths: [Int]

    /// Between two columns.
    static let gap = 2
    /// What a text is not cut below.
    private static let textMin = 12

    /// How many columns are left out.
    var leftOut: Int { widths.count - columns.count { $0 != nil } }

    /// A table whose columns would be so wide; `isText` says which may be cut.
    init(widths: [Int], isText: [Bool], widthMax: Int) {
        var widths = widths
        var excess = Self.total(widths) - widthMax
        while excess > 0,
            let widest = widths.indices.filter({ isText[$0] && widths[$0] > Self.textMin })
                .max(by: { widths[$0] < widths[$1] })
        {
            let cut = min(excess, max(1, widths[widest] - Self.textMin))
            widths[widest] -= cut
            excess -= cut
        }
        self.widths = widths
        guard excess > 0, widths.count > 2 else {
            columns = widths.indices.map { $0 }
            return
        }
        // From both ends towards the middle, as long as a column and the dots have room.
        var (left, right) = ([Int](), [Int]())
        var used = 1
        for step in widths.indices {
            let isLeft = step % 2 == 0
            let column = isLeft ? step / 2 : widths.count - 1 - step / 2
            guard used + Self.gap + widths[column] <= widthMax || left.isEmpty else { break }
            used += Self.gap + widths[column]
            if isLeft { left.append(column) } else { right.insert(column, at: 0) }
        }
        columns = left + [nil] + right
    }

    private static func total(_ widths: [Int]) -> Int {
        widths.reduce(0, +) + gap * max(0, widths.count - 1)
    }
}

/// A text of at most so many terminal columns: the end of a longer one is an ellipsis.
func cut(_ text: String, to width: Int) -> String {
    guard displayWidth(text) > width else { return text }
    var result = ""
    var used = 0
    for character in text {
        let next = displayWidth(String(character))
        if used + next > width - 1 { break }
        result.append(character)
        used += next
    }
    return result + "…"
}
