import FuzzTargets
import Glibc

// The entry points of libFuzzer; FUZZ_TARGET names what is fuzzed.

private let target: FuzzTarget = {
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        print("FUZZ_TARGET names what to fuzz: \(known)")
        exit(2)
    }
    return target
}()

/// Gives the target one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // Safe: libFuzzer hands `count` readable bytes.
    target.run(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
