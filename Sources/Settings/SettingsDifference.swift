public import JSON

/// One setting that differs, with what a checkpoint says of the change.
public struct SettingDifference: Hashable, Sendable, CustomStringConvertible {
    /// What a checkpoint says of a change.
    public enum Verdict: Hashable, Sendable {
        /// The job goes on.
        case allowed
        /// The job does not go on; why.
        case forbidden(reason: String)
    }

    /// The setting: `queries[ohlcv].select`.
    public let field: String
    /// The old value as JSON; `null` when it was not there.
    public let old: String
    /// The new value as JSON; `null` when it is no longer there.
    public let new: String
    /// What a checkpoint says.
    public let verdict: Verdict
    /// Whether a job may go on all the same, as long as no batch is committed.
    public let isFreeBeforeCommit: Bool

    /// Whether a job may go on.
    public var isAllowed: Bool { verdict == .allowed }

    /// `field: old → new (not allowed: reason)`.
    public var description: String {
        let change = "\(field): \(old) → \(new)"
        guard case .forbidden(let reason) = verdict else { return change + " (allowed)" }
        return change + " (not allowed: \(reason))"
    }
}

/// What a setting means beyond its text.
public struct SettingMeaning: Hashable, Sendable {
    /// Something that others depend on.
    public struct Effect: Hashable, Sendable {
        /// What it is: parts in one spelling, each with its name; parts come and go, and none
        /// becomes another.
        let parts: [String: String]
        /// What stays, all of it and nothing else, in whatever order: each in one spelling.
        let members: [String]
        /// How a message calls the members.
        let shown: [String: String]
        /// Why it may not change; `nil` is the setting's own reason.
        let reason: String?

        /// An effect in one spelling.
        public init(_ text: String, reason: String? = nil) {
            parts = ["": text]
            (members, shown) = ([], [:])
            self.reason = reason
        }

        /// An effect of parts.
        public init(parts: [String: String], reason: String) {
            self.parts = parts
            (members, shown) = ([], [:])
            self.reason = reason
        }

        /// An effect of members: what each is, in one spelling, and how a message calls it.
        public init(members: [(id: String, shown: String)]) {
            parts = [:]
            self.members = members.map(\.id).sorted()
            shown = Dictionary(
                members.map { ($0.id, $0.shown) }, uniquingKeysWith: { one, _ in one })
            reason = nil
        }

        /// Why others that depend on this do not go on with another.
        ///
        /// - Parameters:
        ///   - other: the other one.
        ///   - usual: the setting's own reason; `nil` where it may change.
        /// - Returns: the reason; `nil` when they do go on.
        func refusal(of other: Effect, usual: String?) -> String? {
            guard parts.allSatisfy({ name, text in (other.parts[name] ?? text) == text }) else {
                return reason ?? usual
            }
            guard members != other.members, let usual else { return nil }
            let (gone, come) = (lacking(in: other), other.lacking(in: self))
            let sentences = [
                gone.isEmpty ? nil : "\(gone.joined(separator: ", ")) must stay in use",
                come.isEmpty ? nil : "\(come.joined(separator: ", ")) cannot be added",
            ]
            return "\(usual): \(sentences.compactMap(\.self).joined(separator: ", and "))"
        }

        /// Members that another has not, or not so often.
        private func lacking(in other: Effect) -> [String] {
            var rest = other.members
            return members.compactMap { member in
                guard let index = rest.firstIndex(of: member) else { return shown[member] }
                rest.remove(at: index)
                return nil
            }
        }
    }

    /// The value in one spelling: where it is equal, nothing changed.
    public let spelling: [String]
    /// What of it others depend on: where all of it holds, the change is allowed.
    ///
    /// None means that they depend on the value.
    public let effects: [Effect]

    /// A value in one spelling.
    public init(_ spelling: [String], effects: [Effect] = []) {
        self.spelling = spelling
        self.effects = effects
    }
}

/// Walks two trees of settings along their table, with all defaults filled in.
public struct SettingsComparison {
    private let oldMeanings: [String: SettingMeaning]
    private let newMeanings: [String: SettingMeaning]
    /// Whether the key that is compared may change before the first commit.
    private var isFreeBeforeCommit = false
    /// What differs, in the order of the table.
    public private(set) var found: [SettingDifference] = []

    /// A comparison that has found nothing; meanings are by field, as in ``SettingDifference``.
    public init(
        oldMeanings: [String: SettingMeaning] = [:], newMeanings: [String: SettingMeaning] = [:]
    ) {
        self.oldMeanings = oldMeanings
        self.newMeanings = newMeanings
    }

    private mutating func note(
        _ field: String, _ old: JSONValue?, _ new: JSONValue?, forbidden reason: String?
    ) {
        found.append(
            SettingDifference(
                field: field, old: (old ?? .null).text(), new: (new ?? .null).text(),
                verdict: reason.map { .forbidden(reason: $0) } ?? .allowed,
                isFreeBeforeCommit: isFreeBeforeCommit))
    }

    /// Compares two objects of one table; `field` is what leads to them.
    public mutating func compare(
        _ old: JSONValue, _ new: JSONValue, _ table: ObjectShape, at field: String = ""
    ) {
        for key in table.keys {
            let holds = key.holds.map { $0(old) || $0(new) } ?? true
            for name in key.names(in: old, new) where old[name] != new[name] {
                compare(
                    old[name], new[name], key, holds ? key.change : .allowed,
                    at: field.isEmpty ? name : "\(field).\(name)")
            }
        }
    }

    private mutating func compare(
        _ old: JSONValue?, _ new: JSONValue?, _ key: KeyShape, _ rule: ChangeRule, at field: String
    ) {
        let reason = rule.reason(from: old, to: new)
        let outer = isFreeBeforeCommit
        isFreeBeforeCommit = rule.isFreeBeforeCommit
        defer { isFreeBeforeCommit = outer }
        switch key.comparison {
        case .ignored: return
        case .whole: break
        case .deep:
            guard let old, let new, let table = key.shape.table(of: old), !table.isOneKeyOnly,
                let other = key.shape.table(of: new), table.tag == other.tag
            else { break }
            return compare(old, new, table, at: field)
        case .meaning:
            let (one, other) = (oldMeanings[field], newMeanings[field])
            if let one, one.spelling == other?.spelling { return }
            if let one, let other, !one.effects.isEmpty, one.effects.count == other.effects.count {
                let refusals = zip(one.effects, other.effects).compactMap {
                    $0.refusal(of: $1, usual: reason)
                }
                return note(field, old, new, forbidden: refusals.first)
            }
        case .named(let reasons):
            guard case .list(let element, _) = key.shape, let olds = old?.elements,
                let news = new?.elements
            else { return note(field, old?.names, new?.names, forbidden: reason) }
            return compareNamed(olds, news, element, rule, reasons, at: field)
        case .placed(let places):
            guard case .list(let element, _) = key.shape else { break }
            return comparePlaced(
                old?.elements ?? [], new?.elements ?? [], element, rule, places, at: field)
        }
        note(field, old, new, forbidden: reason)
    }

    // MARK: Lists

    private mutating func compareNamed(
        _ olds: [JSONValue], _ news: [JSONValue], _ shape: Shape, _ rule: ChangeRule,
        _ reasons: ValueComparison.ListReasons, at field: String
    ) {
        for old in olds {
            let place = "\(field)[\(old.name)]"
            if let new = news.first(where: { $0.name == old.name }) {
                compareElements(old, new, shape, rule, at: place)
            } else {
                note(place, .string(old.name), nil, forbidden: reasons.removed)
            }
        }
        let added = news.filter { new in !olds.contains { $0.name == new.name } }
        for new in added {
            note("\(field)[\(new.name)]", nil, .string(new.name), forbidden: reasons.added)
        }
        let (names, others) = (olds.map(\.name), news.map(\.name))
        guard let moved = reasons.moved, Set(names) == Set(others), names != others else { return }
        note(field, JSONValue.array(olds).names, JSONValue.array(news).names, forbidden: moved)
    }

    private mutating func comparePlaced(
        _ olds: [JSONValue], _ news: [JSONValue], _ shape: Shape, _ rule: ChangeRule,
        _ places: (JSONValue) -> [String], at field: String
    ) {
        let named = { (value: JSONValue) in (places(value).joined(separator: ", "), value) }
        let (all, others) = (olds.map(named), news.map(named))
        func ownRule(of element: JSONValue) -> ChangeRule {
            shape.table(of: element)?.change ?? rule
        }
        // Those without a place cannot be told from one another.
        let (free, otherFree) = (
            all.filter(\.0.isEmpty).map(\.1), others.filter(\.0.isEmpty).map(\.1)
        )
        if free != otherFree {
            let reasons = (free + otherFree).lazy.map { ownRule(of: $0).reason(from: nil, to: $0) }
            note(
                field, .array(free), .array(otherFree),
                forbidden: reasons.first { $0 != nil } ?? nil)
        }
        for (place, old) in all where !place.isEmpty {
            let field = "\(field)[\(place)]"
            if let new = others.first(where: { $0.0 == place })?.1 {
                compareElements(old, new, shape, ownRule(of: old), at: field)
            } else {
                let reason = ownRule(of: old).reason(from: old, to: nil)
                note(field, .string(place), nil, forbidden: reason)
            }
        }
        for (place, new) in others where !place.isEmpty && !all.contains(where: { $0.0 == place }) {
            let reason = ownRule(of: new).reason(from: nil, to: new)
            note("\(field)[\(place)]", nil, .string(place), forbidden: reason)
        }
    }

    private mutating func compareElements(
        _ old: JSONValue, _ new: JSONValue, _ shape: Shape, _ rule: ChangeRule, at field: String
    ) {
        guard let table = shape.table(of: old), let other = shape.table(of: new) else { return }
        guard table.tag == other.tag else {
            let (one, two) = (table.tag.map { JSONValue.string($0) }, other.tag)
            return note(
                "\(field).\(shape.tagKey ?? "")", one, two.map { .string($0) },
                forbidden: rule.reason(from: old, to: new))
        }
        compare(old, new, table, at: field)
    }
}

extension JSONValue {
    /// The name of an element of a list.
    fileprivate var name: String { self["name"]?.stringValue ?? "" }

    /// The names of the elements of a list.
    fileprivate var names: JSONValue { .array((elements ?? []).map { .string($0.name) }) }
}

extension Shape {
    /// The table that an object of this shape follows.
    fileprivate func table(of value: JSONValue) -> ObjectShape? {
        guard value.members != nil else { return nil }
        switch self {
        case .object(let table): return table
        case .variants(let key, let tables):
            let word = value[key]?.stringValue
            return tables.first { word == nil ? $0.isUsual : $0.tag == word }
        default: return nil
        }
    }

    /// The key that says which table an object follows.
    fileprivate var tagKey: String? {
        if case .variants(let key, _) = self { key } else { nil }
    }
}
