import CSimdjson

/// The keys of all wanted fields as the tree that the C side walks along.
@safe
final class JSONPathTree {
    let nodes: UnsafeMutablePointer<csimdjson_path_node>
    private(set) var count = 1
    private var keys: [ColumnMemory] = []

    /// - Parameter paths: the path of each column, or `nil` for none.
    init(_ paths: [JSONPath?]) {
        let capacity =
            1
            + paths.reduce(0) { count, path in
                count + (path?.readings ?? []).reduce(0) { $0 + $1.count }
            }
        unsafe nodes = .allocate(capacity: capacity)
        unsafe nodes.initialize(
            to: csimdjson_path_node(
                key: nil, key_length: 0, column: -1, is_second_choice: 0, first_child: -1,
                next_sibling: -1))
        for (column, path) in paths.enumerated() {
            for (choice, keys) in (path?.readings ?? []).enumerated() {
                guard let last = keys.last else { continue }
                var node = 0
                for key in keys.dropLast() {
                    node = innerChild(of: node, key) ?? addChild(to: node, key, column: -1)
                }
                // A node of its own for each column, so that two columns may read one field.
                _ = addChild(
                    to: node, last, column: Int32(column), isSecondChoice: choice > 0)
            }
        }
    }

    deinit { unsafe nodes.deallocate() }

    private func addChild(
        to parent: Int, _ key: String, column: Int32, isSecondChoice: Bool = false
    ) -> Int {
        let bytes = Array(key.utf8)
        let memory = ColumnMemory(byteCount: bytes.count)
        unsafe bytes.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: source.count)
                .copyMemory(from: source)
        }
        keys.append(memory)
        // Safe: `nodes` has room for every key of every path; `keys` keeps the text.
        unsafe (nodes + count).initialize(
            to: csimdjson_path_node(
                key: UnsafePointer(memory.base.assumingMemoryBound(to: CChar.self)),
                key_length: bytes.count, column: column, is_second_choice: isSecondChoice ? 1 : 0,
                first_child: -1, next_sibling: nodes[parent].first_child))
        unsafe nodes[parent].first_child = Int32(count)
        names.append(key)
        count += 1
        return count - 1
    }

    private var names = [""]

    private func innerChild(of parent: Int, _ key: String) -> Int? {
        var child = unsafe Int(nodes[parent].first_child)
        while child >= 0 {
            if unsafe nodes[child].column < 0, names[child].utf8.elementsEqual(key.utf8) {
                return child
            }
            child = unsafe Int(nodes[child].next_sibling)
        }
        return nil
    }
}
