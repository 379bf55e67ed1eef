import KeyedState

/// A prepared block as it is folded.
struct FoldedBlock {
    let block: PreparedBlock
    /// The arguments of each domain, strings as numbers of the state.
    let arguments: [[ArgumentValues]]
    /// The same, strings as numbers of the state by lane, if there is one.
    let laneArguments: [[ArgumentValues]]
    /// Rows at or before it are late.
    let lateMicros: Int64

    var count: Int { block.count }

    /// A block that goes into these groups.
    init(_ block: PreparedBlock, into groups: Groups, lateMicros: Int64) {
        self.block = block
        self.lateMicros = lateMicros
        let numbered = { (strings: StateStrings) in
            block.domains.map { $0.arguments.map { $0.numbered(by: strings) } }
        }
        arguments = numbered(groups.table.strings)
        laneArguments = groups.lanes.map { numbered($0.table.strings) } ?? []
    }
}
