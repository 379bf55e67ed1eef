import FuzzTargets
import Glibc

// The entry points of libFuzzer; FUZZ_TARGET names what is fuzzed.
//
// The package manager lets `main` stand for `fuzz_main`, so libFuzzer's own main is not linked;
// its driver is called here instead.

private let target: FuzzTarget = {
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        print("FUZZ_TARGET names what to fuzz: \(known)")
        exit(2)
    }
    return target
}()

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

// Pointers and integers are passed the same way by Swift and by C.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Gives the target one input after another.
@_cdecl("fuzz_main")
public func fuzzMain(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> CInt {
    var count = count
    var arguments = unsafe arguments
    return unsafe runDriver(&count, &arguments) { start, length in
        // Safe: libFuzzer hands `length` readable bytes.
        target.run(unsafe Array(UnsafeBufferPointer(start: start, count: length)))
        return 0
    }
}
