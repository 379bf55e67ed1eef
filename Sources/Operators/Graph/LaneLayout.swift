/// Of which lanes the rows of an operator are, for state where their order shows in a result.
public enum LaneLayout: Hashable, Sendable {
    /// Of one source that has one split for ever.
    case one
    /// A number of sources that have one split each, for ever.
    case sources(Int)
    /// Of sources whose splits come when they come.
    case splits
}
