import CSimdjson

/// The keys of all wanted fields as the tree that the C side walks along.
@safe
final class JSONPathTree {
    let nodes: UnsafeMutablePointer<csimdjson_path_node>
    private(set) var count = 1
    private var keys: [ColumnMemory] = []

    /// - Parameters:
    ///   - paths: the path of each column, or `nil` for none.
    ///   - exploded: the path of the array whose elements are rows.
    init(_ paths: [JSONPath?], exploded: JSONPath? = nil) {
        let capacity =
            1
            + (paths + [exploded]).reduce(0) { count, path in
                count + (path?.readings ?? []).reduce(0) { $0 + $1.count + 1 }
            }
        unsafe nodes = .allocate(capacity: capacity)
        unsafe nodes.initialize(
            to: csimdjson_path_node(
                key: nil, key_length: 0, column: -1, is_second_choice: 0, is_exploded: 0,
                first_child: -1, next_sibling: -1))
        for (choice, keys) in (exploded?.readings ?? []).enumerated() {
            let node = inner(keys)
            unsafe nodes[node].is_exploded = 1
            unsafe nodes[node].is_second_choice = choice > 0 ? 1 : 0
        }
        for (column, path) in paths.enumerated() {
            for (choice, keys) in (path?.readings ?? []).enumerated() {
                let isElement = exploded?.readings.contains(keys) ?? false
                // A node of its own for each column, so that two columns may read one field.
                _ = addChild(
                    to: isElement ? inner(keys) : inner(keys.dropLast()),
                    isElement ? nil : keys.last, column: Int32(column), isSecondChoice: choice > 0)
            }
        }
    }

    /// The node of keys that others are inside of.
    private func inner(_ keys: some Sequence<String>) -> Int {
        keys.reduce(0) { node, key in
            innerChild(of: node, key) ?? addChild(to: node, key, column: -1)
        }
    }

    deinit { unsafe nodes.deallocate() }

    /// Adds a node for a key, or for the value of the node itself.
    private func addChild(
        to parent: Int, _ key: String?, column: Int32, isSecondChoice: Bool = false
    ) -> Int {
        let bytes = Array((key ?? "").utf8)
        let memory = ColumnMemory(byteCount: bytes.count)
        unsafe bytes.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: source.count)
                .copyMemory(from: source)
        }
        keys.append(memory)
        // Safe: `nodes` has room for every key of every path; `keys` keeps the text.
        unsafe (nodes + count).initialize(
            to: csimdjson_path_node(
                key: key == nil
                    ? nil : UnsafePointer(memory.base.assumingMemoryBound(to: CChar.self)),
                key_length: bytes.count, column: column, is_second_choice: isSecondChoice ? 1 : 0,
                is_exploded: 0, first_child: -1, next_sibling: nodes[parent].first_child))
        unsafe nodes[parent].first_child = Int32(count)
        names.append(key ?? "")
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
