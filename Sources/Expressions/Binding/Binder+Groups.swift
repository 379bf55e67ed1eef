import Columnar

/// The result of binding when something applies: the node, or `nil` with the fault reported.
struct Bound {
    let node: Node?
}

extension Binder {
    /// Binds syntax that means something of its own after grouping; `nil` when it does not and is
    /// bound as anywhere else.
    mutating func bindGrouped(_ syntax: Syntax) -> Bound? {
        guard let groups else { return nil }
        if case .name(let parts) = syntax.kind, parts.count == 1,
            let alias = groups.aliases[parts[0].lowercased()]
        {
            self.groups?.aliases = [:]
            defer { self.groups?.aliases = groups.aliases }
            return Bound(node: bind(alias))
        }
        let text = text(syntax)
        if let key = groups.keys.first(where: { $0.text == text }) {
            return Bound(node: key.node.map { renamed($0, syntax) })
        }
        switch syntax.kind {
        case .name(let parts): return Bound(node: bindGroupedName(parts, groups, syntax))
        case .field(let operand, let field):
            guard let window = groups.window, self.text(operand) == window.text else {
                return nil
            }
            return Bound(node: bound(of: window, field, syntax))
        case .call(let call):
            if AggregateSignature.isAggregate(call.name) {
                return Bound(node: bindAggregate(call, syntax))
            }
            switch FunctionNames.canonical(call.name) {
            case "window", "session_window":
                if groups.isIncomplete { return Bound(node: nil) }
                return Bound(
                    node: groups.window?.text == text
                        ? wholeWindow(groups.window, syntax)
                        : report(
                            .invalidWindow,
                            "'\(text)' is not what groupBy says: a query has one "
                                + "window, named in groupBy.", at: syntax.range))
            case "window_time": return Bound(node: bindWindowTime(call, syntax))
            default: return nil
            }
        default: return nil
        }
    }

    private func renamed(_ node: Node, _ syntax: Syntax) -> Node {
        var node = node
        node.position = syntax.range
        return node
    }

    private mutating func bindGroupedName(
        _ parts: [String], _ groups: GroupScope, _ syntax: Syntax
    ) -> Node? {
        if let window = groups.window, parts[0].lowercased() == window.name.lowercased() {
            if parts.count == 1 { return wholeWindow(window, syntax) }
            if parts.count == 2 { return bound(of: window, parts[1], syntax) }
        }
        let name = parts.joined(separator: ".")
        let keys = groups.keys.filter { $0.name.lowercased() == name.lowercased() }
        if keys.count == 1 { return keys[0].node.map { renamed($0, syntax) } }
        if groups.isIncomplete { return nil }
        let columns = input.indices(of: parts)
        guard let column = columns.first else {
            return unresolved(parts, among: groups.names + input.schema.names, syntax)
        }
        let field = quotedIfNeeded(input.schema[column].name)
        return report(
            .missingAggregation,
            "The column '\(field)' is neither grouped nor aggregated: add it to groupBy, or use "
                + "an aggregate such as first(\(field)) or max(\(field)).",
            at: syntax.range)
    }

    private mutating func wholeWindow(_ window: GroupScope.Window?, _ syntax: Syntax) -> Node? {
        let name = window?.name ?? "window"
        return report(
            .datatypeMismatch,
            "The window is a pair: select \(name).start or \(name).end.", at: syntax.range)
    }

    private mutating func bound(
        of window: GroupScope.Window, _ field: String, _ syntax: Syntax
    ) -> Node? {
        let index: Int
        switch field.lowercased() {
        case "start": index = window.startIndex
        case "end": index = window.startIndex + 1
        default:
            return report(
                .unresolvedColumn,
                "A window has the fields 'start' and 'end', no '\(field)'.", at: syntax.range,
                suggestion: nearest(to: field, among: ["start", "end"]))
        }
        return Node(
            .column(index), [], .timestamp, isNullable: false,
            text: "\(window.name).\(field.lowercased())", at: syntax.range)
    }

    /// `window_time(window)`: the last microsecond of the window.
    private mutating func bindWindowTime(_ call: Syntax.Call, _ syntax: Syntax) -> Node? {
        guard let window = groups?.window, call.arguments.count == 1 else {
            return report(
                .invalidWindow,
                "window_time takes the window of groupBy: window_time(window).", at: syntax.range)
        }
        let argument = call.arguments[0]
        var names = text(argument) == window.text
        if case .name(let parts) = argument.kind, parts.count == 1 {
            names = names || parts[0].lowercased() == window.name.lowercased()
        }
        guard names, let end = bound(of: window, "end", argument) else {
            return report(
                .invalidWindow,
                "window_time takes the window of groupBy: window_time(\(window.name)).",
                at: argument.range)
        }
        let shift = CalendarInterval(micros: -1)
        return make(.function(.addInterval(shift)), [end], .timestamp, isNullable: false, syntax)
    }
}
