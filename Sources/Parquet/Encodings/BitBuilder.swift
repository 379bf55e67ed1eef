import Columnar

/// Bits appended in runs, which become a bitmap.
struct BitBuilder {
    private var words: [UInt64] = []
    private(set) var count = 0
    /// How many of the bits are set.
    private(set) var setCount = 0

    init(capacity: Int) { words.reserveCapacity((capacity + 63) / 64) }

    /// Appends the low `count` (0…64) bits of a word whose other bits are zero.
    mutating func append(word: UInt64, count added: Int) {
        guard added > 0 else { return }
        let place = count & 63
        if place == 0 {
            words.append(word)
        } else {
            words[words.count - 1] |= word << UInt64(place)
            if place + added > 64 { words.append(word >> UInt64(64 - place)) }
        }
        count += added
        setCount += word.nonzeroBitCount
    }

    mutating func append(repeating bit: Bool, count added: Int) {
        var left = added
        while left > 0 {
            let taken = min(64, left)
            let word: UInt64 = taken == 64 ? ~0 : (1 << UInt64(taken)) - 1
            append(word: bit ? word : 0, count: taken)
            left -= taken
        }
    }

    mutating func append(_ bits: Bitmap) {
        for index in 0..<bits.wordCount {
            append(word: bits.word(index), count: min(64, bits.count - index * 64))
        }
    }

    /// The bits appended so far.
    func bitmap() -> Bitmap { Bitmap(wordsFor: count) { words[$0] } }
}
