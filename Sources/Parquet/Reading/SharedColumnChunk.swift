import Columnar
import Synchronization

/// A column chunk that ranges of its rows are read from, by any threads.
///
/// What several ranges need is made once: the list of its pages, the values of its dictionary, and
/// the content of pages that reach from one range into another. When all rows that were announced
/// are read it is given up, so that it costs nothing to keep the object.
///
/// Which range is read first, and by whom, changes neither values nor errors.
final class SharedColumnChunk: Sendable {
    let leaf: LeafColumn
    /// How many rows the row group has.
    let rowCount: Int
    let codec: PageCodec
    let source: any ParquetSource
    /// All rows that will be read.
    private let wanted: Range<Int>
    private let start: Start
    private let state: Mutex<State?> = Mutex(nil)
    /// The values of the dictionary in the form the column has them.
    private let entries: Mutex<(any Sendable)?> = Mutex(nil)
    private let rowsLeft: Mutex<Int>

    /// How the pages are found.
    private enum Start {
        /// Header by header.
        case chunk(Range<Int>, isPadded: Bool)
        /// By the file's page index.
        case index(dictionary: Range<Int>?, [PagePlace])
        /// A row group without rows may have chunks that lie nowhere.
        case nowhere
    }

    /// What was found and made so far.
    ///
    /// Invariants:
    /// - `places` are the data pages found so far, in order; they have the rows up to `row`.
    /// - `kept` has pages by their number, with how many of their wanted rows are not yet read.
    private struct State {
        var scanner: PageScanner?
        var places: [PagePlace] = []
        var firstRow = 0
        var row = 0
        var dictionary: OpenPage?
        var kept: [Int: (page: OpenPage, rowsLeft: Int)] = [:]
    }

    /// What is needed to decode a range of rows.
    struct Part: Sendable {
        /// The dictionary page, where data pages may have codes into it.
        var dictionary: OpenPage?
        /// The data pages that have some of the rows.
        var places: ArraySlice<PagePlace> = []
        /// Those of them that reach into other ranges, by their number.
        var opened: [Int: OpenPage] = [:]
        /// What is charged for the pages that are here.
        var chargedBytes = 0

        mutating func charge(
            _ page: StoredPage, _ codec: PageCodec, _ budget: ReadBudget
        ) throws(ParquetError) {
            let size = page.decodedBytes(codec)
            try budget.charge(size, "a page")
            chargedBytes += size
        }
    }

    init(
        _ source: any ParquetSource, _ footer: ParquetFooter, rowGroup: Int, _ leaf: LeafColumn,
        wanted: Range<Int>
    ) throws(ParquetError) {
        self.leaf = leaf
        self.wanted = wanted
        self.source = source
        rowCount = footer.rowGroupRowCounts[rowGroup]
        rowsLeft = Mutex(wanted.count)
        let chunk = footer.rowGroups[rowGroup].columns[leaf.chunk]
        codec = try PageCodec(reading: chunk.codec, offset: Int(chunk.startOffset))
        guard rowCount > 0, !wanted.isEmpty else {
            start = .nowhere
            return
        }
        // Safe: the footer's checks put the chunk of a row group with rows inside the file.
        let range = Int(chunk.startOffset)..<Int(chunk.startOffset + chunk.compressedBytes)
        let (slack, dataEnd) = (footer.chunkSlack, footer.dataEnd)
        if slack > 0 {
            let end = min(dataEnd, range.upperBound + slack)
            start = .chunk(range.lowerBound..<end, isPadded: true)
        } else if wanted.count < rowCount,
            let index = try PageIndex(source, footer).offsets(chunk, rowCount)
        {
            let first = Int(index[0].offset)
            start = .index(
                dictionary: first > range.lowerBound ? range.lowerBound..<first : nil,
                PagePlace.list(index, rowCount: rowCount))
        } else {
            start = .chunk(range, isPadded: false)
        }
    }

    /// What a range of rows needs; nil when another thread is at it and `waits` is false.
    func begin(
        _ rows: Range<Int>, _ budget: ReadBudget, waits: Bool
    ) throws(ParquetError) -> Part? {
        if waits {
            return try state.withLock { (state) throws(ParquetError) -> Part in
                try part(rows, budget, &state)
            }
        }
        return try state.withLockIfAvailable { (state) throws(ParquetError) -> Part in
            try part(rows, budget, &state)
        }
    }

    /// Says that a range that was begun is decoded.
    func end(_ rows: Range<Int>) {
        let isLast = rowsLeft.withLock { left in
            left -= rows.count
            return left <= 0
        }
        guard isLast else { return }
        state.withLock { $0 = nil }
        entries.withLock { $0 = nil }
    }

    /// The values of the dictionary, made by whoever needs them first.
    func entries<Entries: Sendable>(
        _ make: () throws(ParquetError) -> Entries
    ) throws(ParquetError) -> Entries {
        try entries.withLock { (known) throws(ParquetError) -> Entries in
            if let known = known as? Entries { return known }
            let made = try make()
            known = made
            return made
        }
    }

    // MARK: Under the lock

    private func part(
        _ rows: Range<Int>, _ budget: ReadBudget, _ kept: inout State?
    ) throws(ParquetError) -> Part {
        guard !rows.isEmpty else { return Part() }
        // After an error whoever comes next begins anew, and finds the same.
        var state: State
        if let known = kept.take() { state = known } else { state = try begun(budget) }
        var part = Part()
        try find(rows, budget, &state)
        part.places = PagePlace.having(rows, of: state.places)
        // Where a dictionary grows too large, writers go on without it.
        if let dictionary = state.dictionary, part.places.contains(where: \.mayHaveCodes) {
            try part.charge(dictionary.stored, codec, budget)
            part.dictionary = dictionary
        }
        for (number, place) in zip(part.places.indices, part.places) {
            let shared = place.rows.clamped(to: wanted)
            guard shared.clamped(to: rows) != shared else { continue }
            let page: OpenPage
            if let kept = state.kept[number] {
                page = kept.page
                try part.charge(page.stored, codec, budget)
            } else {
                let stored = try StoredPage(place, try source.read(place.range))
                try part.charge(stored, codec, budget)
                page = OpenPage(stored: stored, content: try stored.open(codec))
            }
            part.opened[number] = page
            let left =
                (state.kept[number]?.rowsLeft ?? shared.count)
                - shared.clamped(to: rows).count
            state.kept[number] = left > 0 ? (page, left) : nil
        }
        kept = state
        return part
    }

    private func begun(_ budget: ReadBudget) throws(ParquetError) -> State {
        var state = State()
        switch start {
        case .nowhere: break
        case .chunk(let range, _): state.scanner = PageScanner(source, range)
        case .index(let dictionary, let places):
            state.places = places
            state.row = rowCount
            guard let dictionary else { break }
            var scanner = PageScanner(source, dictionary)
            while let found = try scanner.next() {
                guard found.header.type == .dictionary else {
                    throw ParquetError(
                        .damaged, "a page that the page index does not have",
                        offset: found.contentStart)
                }
                try openDictionary(found, budget, &state)
            }
        }
        return state
    }

    /// Finds the pages that have some rows.
    private func find(
        _ rows: Range<Int>, _ budget: ReadBudget, _ state: inout State
    ) throws(ParquetError) {
        var readsAll = false
        // Whoever reads to the last row also learns whether pages follow it.
        if case .chunk(_, isPadded: false) = start { readsAll = rows.upperBound == rowCount }
        while state.row < rows.upperBound || readsAll, let found = try state.scanner?.next() {
            if found.header.type == .dictionary {
                guard state.row == 0 else {
                    throw found.damaged("a dictionary page out of place")
                }
                try openDictionary(found, budget, &state)
                continue
            }
            let count = Int(found.header.valueCount)
            guard count <= rowCount - state.row else {
                throw found.damaged("pages have more rows than the row group")
            }
            if count > 0 {
                state.places.append(
                    PagePlace(
                        range: found.range, rows: state.row..<state.row + count,
                        mayHaveCodes: found.header.hasCodes))
            }
            state.row += count
        }
        guard state.row >= rows.upperBound else {
            throw ParquetError(
                .damaged, "pages have \(state.row) rows, of the row group's \(rowCount)")
        }
    }

    private func openDictionary(
        _ found: PageScanner.Found, _ budget: ReadBudget, _ state: inout State
    ) throws(ParquetError) {
        let stored = StoredPage(
            header: found.header,
            bytes: try source.read(found.contentStart..<found.range.upperBound),
            offset: found.contentStart)
        guard state.dictionary == nil, stored.isPlain else {
            throw stored.damaged("a dictionary page out of place")
        }
        // Each range is charged for it; here that there is room.
        try budget.charge(stored.decodedBytes(codec), "a page")
        budget.release(stored.decodedBytes(codec))
        state.dictionary = OpenPage(stored: stored, content: try stored.open(codec))
    }
}
