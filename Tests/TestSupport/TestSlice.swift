import Glibc

/// How much of the long tests runs: a slice that every change passes, or, with `WHOLE_TESTS=1` in
/// the environment, all of them.
public enum TestSlice {
    /// Whether long tests run whole.
    public static let isWhole: Bool = {
        // Safe: nothing changes the environment while the tests run.
        guard let text = unsafe getenv("WHOLE_TESTS") else { return false }
        return unsafe String(cString: text) == "1"
    }()

    /// How many random cases are run: fifty times as many where tests run whole.
    public static func runs(_ slice: Int) -> Int { isWhole ? slice * 50 : slice }

    /// One case in so many is run: 1 where tests run whole.
    public static func step(_ slice: Int) -> Int { isWhole ? 1 : slice }
}
