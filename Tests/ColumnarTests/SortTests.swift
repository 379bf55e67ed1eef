import Columnar
import Testing

@Suite struct SortTests {
    static let ordered: [(DataType, [Value])] = [
        (.boolean, [.null, .boolean(false), .boolean(true)]),
        (.int, [.null, .int(.min), .int(-1), .int(0), .int(.max)]),
        (.long, [.null, .long(.min), .long(-1), .long(0), .long(.max)]),
        (
            .double,
            [
                .null, .double(-.infinity), .double(-1), .double(0), .double(1), .double(.infinity),
                .double(.nan),
            ]
        ),
        (
            .decimal(precision: 18, scale: 4),
            [
                .null, .decimal(unscaled: -5, scale: 4),
                .decimal(unscaled: 5, scale: 4),
            ]
        ),
        (
            .decimal(precision: 38, scale: 0),
            [
                .null, .decimal(unscaled: -(1 << 100), scale: 0), .decimal(unscaled: -1, scale: 0),
                .decimal(unscaled: 1, scale: 0), .decimal(unscaled: 1 << 64, scale: 0),
                .decimal(unscaled: 1 << 100, scale: 0),
            ]
        ),
        (
            .string,
            [.null, .string(""), .string("A"), .string("AB"), .string("a"), .string("\u{e9}")]
        ),
        (.date, [.null, .date(-1), .date(0)]),
        (.timestamp, [.null, .timestamp(.min), .timestamp(0), .timestamp(.max)]),
    ]

    @Test(arguments: ordered) func everyTypeHasItsOrder(type: DataType, values: [Value]) {
        for rotation in 0..<values.count {
            for drop in [0, 1] {
                // Without the null too: other keys are used then.
                let kept = Array(values.dropFirst(drop))
                let rotated = Array(
                    kept[(rotation % kept.count)...] + kept[..<(rotation % kept.count)])
                let column = Column(type, rotated)
                let sorted = column.gather(sortIndices([column], count: column.count))
                #expect((0..<sorted.count).map { sorted.value(at: $0) } == kept)
            }
        }
    }

    @Test func laterColumnsDecideTiesAndEqualRowsKeepTheirOrder() {
        let first = Column(.string, ["b", "a", "b", "a", "a"].map { .string($0) })
        let second = Column(.long, [2, 1, 1, 1, 0].map { .long($0) })
        #expect(sortIndices([first, second], count: 5) == [4, 1, 3, 2, 0])
        #expect(sortIndices([first], count: 5) == [1, 3, 4, 0, 2])
        #expect(sortIndices([], count: 3) == [0, 1, 2])
        let zeros = Column(.double, [.double(0.0), .double(-0.0), .double(-1)])
        #expect(sortIndices([zeros], count: 3) == [2, 0, 1])
    }
}

@Suite struct RadixSortTests {
    private struct Item: RadixItem, Equatable {
        let first: UInt64
        let second: UInt64
        let place: Int
    }

    /// Few items are sorted in another way than many.
    @Test(arguments: [0, 1, 200, 5_000]) func itemsAreInOrderAndEqualOnesKeepTheirs(count: Int) {
        var state: UInt64 = 7
        let items = (0..<count).map { place in
            state = state &* 6_364_136_223_846_793_005 &+ 1
            // Equal items, equal upper halves, and bytes that differ in no item.
            return Item(
                first: (state >> 62) << 40 | 5, second: (state & 0x3fff) << 50 | 9, place: place)
        }
        let sorted = radixSorted(items)
        let expected = items.sorted { left, right in
            (left.first, left.second, left.place) < (right.first, right.second, right.place)
        }
        #expect(sorted == expected)
    }
}
