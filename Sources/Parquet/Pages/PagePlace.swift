/// Where a data page lies in the file, header included, and which rows of the row group it has.
struct PagePlace: Sendable {
    let range: Range<Int>
    let rows: Range<Int>
    /// Whether its values may be codes into the dictionary.
    var mayHaveCodes = true

    /// Those of some pages, which are in order, that have some of the rows.
    static func having(_ rows: Range<Int>, of places: [PagePlace]) -> ArraySlice<PagePlace> {
        var (first, end) = (0, places.count)
        while first < end {
            let middle = (first + end) / 2
            if places[middle].rows.upperBound <= rows.lowerBound {
                first = middle + 1
            } else {
                end = middle
            }
        }
        return places[first...].prefix { $0.rows.lowerBound < rows.upperBound }
    }

    /// The pages that a page index names, which has been checked.
    static func list(_ index: [PageLocation], rowCount: Int) -> [PagePlace] {
        index.indices.map { number in
            let page = index[number]
            let end = number + 1 < index.count ? Int(index[number + 1].firstRow) : rowCount
            return PagePlace(
                range: Int(page.offset)..<Int(page.offset) + Int(page.size),
                rows: Int(page.firstRow)..<end)
        }
    }
}
