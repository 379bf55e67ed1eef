import Columnar
import ConnectorAPI
import Jobs
import Operators
import Storage

/// A port of a node.
struct NodePort: Hashable {
    let node: Int
    let port: Int
}

/// A port of a node, and the sources that it reads.
struct SourcePort: Hashable {
    let node: Int
    let port: Int
    let sources: [Int]
}

/// Puts the queries of a job together as a graph of operators.
struct QueryGraphBuilder {
    let job: EngineJob
    let sourceCount: Int
    let files: any FileSystem
    let stateDirectory: Path

    private(set) var nodes: [GraphNode] = []
    /// The node that gives each query's result.
    private(set) var outputs: [Int] = []

    init(job: EngineJob, sourceCount: Int, files: any FileSystem, stateDirectory: Path) {
        self.job = job
        self.sourceCount = sourceCount
        self.files = files
        self.stateDirectory = stateDirectory
    }

    /// Adds a query, which comes behind the one that it reads; makes its state directories.
    mutating func add(_ query: PlannedQuery, sinks: [any Sink], late: SideOutput?) throws {
        let operators = query.operators(watermarkDelayMs: watermarkDelayMs(query), job.limits)
            .nodes(reading: input(of: query), from: nodes.count)
        for (place, node) in operators.enumerated() {
            let isLast = place == operators.count - 1
            nodes.append(
                GraphNode(
                    node, of: query, sinks: isLast ? sinks : [], late: late,
                    states: try node.operation.state.map { state in
                        try OperatorStateStore(state, of: query.name, job, files, stateDirectory)
                    }, readsAppendOnly: readsAppendOnly(node)))
        }
        outputs.append(nodes.count - 1)
    }

    private func input(of query: PlannedQuery) -> NodeInput {
        if let upstream = query.upstream { return .node(outputs[upstream]) }
        return .sources(query.source.map { [$0] } ?? Array(0..<sourceCount))
    }

    /// The delay of the source that a query reads, directly or not; of several, as in Spark, that of
    /// the first which has one.
    private func watermarkDelayMs(_ query: PlannedQuery) -> Int64? {
        var first = query
        while let upstream = first.upstream { first = job.plan.queries[upstream] }
        let own = first.source.flatMap { job.plan.sources[$0].watermark }
        return (own.map { job.watermarks[$0] } ?? job.watermarks.first)?.delayMs
    }

    private func readsAppendOnly(_ node: OperatorNode) -> Bool {
        node.inputs.allSatisfy { input in
            switch input {
            case .sources: true
            case .node(let index): nodes[index].isAppendOnly
            }
        }
    }

    /// Who reads what each node emits.
    var users: [[NodePort]] {
        var users = [[NodePort]](repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() {
            for (port, input) in node.node.inputs.enumerated() {
                if case .node(let upstream) = input {
                    users[upstream].append(NodePort(node: index, port: port))
                }
            }
        }
        return users
    }

    /// The ports that read sources; those in one chain whose nodes rows pass between.
    var chains: [[SourcePort]] {
        // The first node of each node's chain, as far as edges were looked at.
        var firsts = Array(nodes.indices)
        for (index, users) in users.enumerated() {
            for user in users {
                let (one, other) = (firsts[index], firsts[user.node])
                for node in firsts.indices where firsts[node] == max(one, other) {
                    firsts[node] = min(one, other)
                }
            }
        }
        var chains: [Int: [SourcePort]] = [:]
        for (index, node) in nodes.enumerated() {
            for (port, input) in node.node.inputs.enumerated() {
                guard case .sources(let sources) = input else { continue }
                chains[firsts[index], default: []].append(
                    SourcePort(node: index, port: port, sources: sources))
            }
        }
        return chains.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension EngineJob {
    /// How large each state may become.
    var limits: OperatorLimits {
        OperatorLimits(
            stateRowsMax: job.options.maxStateRows, stateBytesMax: job.options.maxStateBytes)
    }
}
