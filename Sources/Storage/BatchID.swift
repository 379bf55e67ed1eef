/// The number of a micro-batch: 0 for a query's first, then one more each time, never reused.
public struct BatchID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number, from 0 on.
    public let number: Int64

    /// A batch's number; a negative one is a bug of the caller.
    public init(_ number: Int64) {
        precondition(number >= 0, "batches are numbered from 0")
        self.number = number
    }

    /// The first batch of a query.
    public static let first = BatchID(0)

    /// The batch after this one.
    public var next: BatchID { BatchID(number + 1) }

    /// The batch before this one, nil for the first.
    public var previous: BatchID? { number == 0 ? nil : BatchID(number - 1) }

    /// The number in decimal digits, as it names the batch's files.
    public var description: String { String(number) }

    /// The number that a file name stands for, nil unless it is written as we write it.
    public init?(fileName: String) {
        guard let number = Int64(fileName), number >= 0, String(number) == fileName else {
            return nil
        }
        self.number = number
    }

    /// The order of the numbers.
    public static func < (left: BatchID, right: BatchID) -> Bool { left.number < right.number }
}
