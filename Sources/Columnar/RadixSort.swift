/// An item that is sorted by 128 bits of its own.
public protocol RadixItem: BitwiseCopyable {
    /// The upper half of the key.
    var first: UInt64 { get }
    /// The lower half of the key.
    var second: UInt64 { get }
}

extension RadixItem {
    /// A byte of the key, from the least significant on.
    @inlinable @inline(__always)
    func byte(_ place: Int) -> Int {
        let word = place < 8 ? second : first
        return Int(truncatingIfNeeded: word &>> UInt64(8 * (place & 7)) & 0xff)
    }
}

/// Items in the order of their keys; those with equal keys keep their order.
///
/// Byte by byte from the least significant (Knuth vol. 3, 5.2.5), for keys that are windows, small
/// numbers or prices: bytes that are the same in all items need no pass.
///
/// - Parameter items: the items in any order.
/// - Returns: the same items, sorted.
/// - Complexity: a pass over the items for each byte in which they differ.
@inlinable
public func radixSorted<Item: RadixItem>(_ items: [Item]) -> [Item] {
    guard items.count > 256 else {
        return items.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
    }
    var differing: (first: UInt64, second: UInt64) = (0, 0)
    for item in items {
        differing.first |= item.first ^ items[0].first
        differing.second |= item.second ^ items[0].second
    }
    var from = items
    var to = items
    for place in 0..<16 {
        let bits = place < 8 ? differing.second : differing.first
        if bits >> UInt64(8 * (place & 7)) & 0xff == 0 { continue }
        unsafe from.withUnsafeBufferPointer { from in
            unsafe to.withUnsafeMutableBufferPointer {
                unsafe distribute(from, by: place, into: $0)
            }
        }
        swap(&from, &to)
    }
    return from
}

/// One pass: items in the order of one byte of their keys.
@inlinable
func distribute<Item: RadixItem>(
    _ items: UnsafeBufferPointer<Item>, by place: Int,
    into output: UnsafeMutableBufferPointer<Item>
) {
    unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: 257) { starts in
        unsafe starts.initialize(repeating: 0)
        // Safe: a byte is below 256, and the starts end where the items do.
        for index in items.indices { unsafe starts[items[index].byte(place) + 1] += 1 }
        for value in 0..<256 { unsafe starts[value + 1] += starts[value] }
        for index in items.indices {
            let item = unsafe items[index]
            let value = item.byte(place)
            unsafe output[starts[value]] = item
            unsafe starts[value] += 1
        }
    }
}
