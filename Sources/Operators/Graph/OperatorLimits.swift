/// The bounds of a query.
public struct OperatorLimits: Sendable {
    /// The most groups in state (`maxStateRows`).
    public var stateRowsMax: Int
    /// The most memory that the state takes, in bytes (`maxStateBytes`).
    public var stateBytesMax: Int

    /// Bounds; by default ten million groups in 4 GiB.
    public init(stateRowsMax: Int = 10_000_000, stateBytesMax: Int = 4 << 30) {
        self.stateRowsMax = stateRowsMax
        self.stateBytesMax = stateBytesMax
    }
}
