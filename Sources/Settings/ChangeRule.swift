public import JSON

/// What a checkpoint says of a changed value.
public enum ChangeRule: Hashable, Sendable {
    /// The job goes on with the new one.
    case allowed
    /// The job does not go on; `reason` says what hangs on the old value.
    case forbidden(reason: String)
    /// The same, once a batch is committed; before, nothing hangs on the old value.
    case forbiddenOnceCommitted(reason: String)
    /// The value may be added or left out, but not become another.
    case mayComeAndGo(reason: String)

    /// Whether the value may change while no batch is committed.
    var isFreeBeforeCommit: Bool {
        if case .forbiddenOnceCommitted = self { true } else { false }
    }

    /// Why a value may not become another, or `nil` when it may; `nil` values are not there.
    func reason(from old: JSONValue?, to new: JSONValue?) -> String? {
        switch self {
        case .allowed: nil
        case .forbidden(let reason), .forbiddenOnceCommitted(let reason): reason
        case .mayComeAndGo(let reason): old == nil || new == nil ? nil : reason
        }
    }
}

/// How two values of a key are compared.
public enum ValueComparison: Sendable {
    /// Objects of one kind key by key; everything else as a whole.
    case deep
    /// As a whole.
    case whole
    /// By what they mean, as far as it is known; so a spelling may change.
    case meaning
    /// Not at all: the key says nothing about the job.
    case ignored
    /// Elements by their `name`.
    case named(ListReasons)
    /// Elements by the places that they own, which this gives; those that own none come and go
    /// together.
    case placed(@Sendable (_ element: JSONValue) -> [String])

    /// Why elements of a list may not change as a whole.
    public struct ListReasons: Hashable, Sendable {
        let removed: String
        let added: String
        let moved: String?

        /// Why an element may not leave, and none may come; why they may not change places, unless
        /// they may.
        public init(removed: String, added: String, moved: String? = nil) {
            self.removed = removed
            self.added = added
            self.moved = moved
        }
    }
}
