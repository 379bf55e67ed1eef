import Synchronization

/// A value that is made when it is first asked for: a program knows the keys of many kinds of
/// objects, and one job has few of them.
final class Deferred<Value: Sendable>: Sendable {
    private let made = Mutex<Value?>(nil)
    private let make: @Sendable () -> Value

    /// What `make` gives, whenever that is.
    init(_ make: @escaping @Sendable () -> Value) { self.make = make }

    /// The value.
    var value: Value {
        if let value = made.withLock({ $0 }) { return value }
        // Two that ask at once both make it: it is the same, and making it may ask for others.
        let value = make()
        made.withLock { $0 = value }
        return value
    }
}
