import ConnectorAPI
import Testing

@Suite struct SecretTests {
    @Test func noTextShowsIt() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        dump((1, [secret]), to: &dumped)
        #expect(
            !"\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)".contains("hunter2"))
        #expect(secret.value == "hunter2")
    }

    @Test func namesAreLookedUp() {
        let values = ["A": "x", "EMPTY": ""]
        let read = { Secret(written: $0, lookUp: { values[$0] })?.value }
        #expect(read("${A}") == "x")
        #expect(read("p${A}q${A}") == "pxqx")
        #expect(read("${B:-d}") == "d" && read("${EMPTY:-d}") == "d" && read("${EMPTY}") == "")
        #expect(read("${B}") == nil)
        #expect(read("a$b${") == "a$b${")
        #expect(
            Secret.isReference("${A}") && !Secret.isReference("plain$") && !Secret.isReference(""))
    }
}
