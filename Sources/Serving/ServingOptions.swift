/// Where a page is served, and to whom.
public struct ServingOptions: Sendable {
    /// The port; 0 takes one that is free.
    public var port: UInt16
    /// The address to listen on; nil for the loopback addresses.
    public var address: String?
    /// What a client has to know; nil for nothing.
    public var token: String?
    /// Names besides the loopback's under which the page may be asked for.
    public var hosts: [String]
    /// The finals of each symbol that are kept in memory.
    public var keep: Int

    /// Options of a server.
    public init(
        port: UInt16, address: String? = nil, token: String? = nil, hosts: [String] = [],
        keep: Int = 1_000
    ) {
        self.port = port
        self.address = address
        self.token = token
        self.hosts = hosts
        self.keep = keep
    }

    /// The fewest bytes of a token: 128 bits in base64.
    static let tokenBytesMin = 22
    private static let tokenBytesMax = 512

    /// - Throws: when others could reach the page without a token, or the token is none.
    public func check() throws(ServingError) {
        if let address, !isLoopback(address), token == nil {
            throw ServingError(
                "--bind \(address) lets other machines reach the page, so they need a token; add "
                    + "--token-file FILE (openssl rand -base64 24 > FILE), or leave --bind out",
                isMistakeOfTheCaller: true)
        }
        guard let token else { return }
        let isPlain = token.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && !"\",;\\%&#".utf8.contains(byte)
        }
        guard isPlain, Self.tokenBytesMin...Self.tokenBytesMax ~= token.utf8.count else {
            throw ServingError(
                "the token file must hold one word of \(Self.tokenBytesMin) to "
                    + "\(Self.tokenBytesMax) letters, digits and -._~+/=; make one with "
                    + "openssl rand -base64 24", isMistakeOfTheCaller: true)
        }
    }
}

/// Whether an address is one that only this machine reaches.
func isLoopback(_ address: String) -> Bool {
    address == "::1" || address == "localhost" || address.hasPrefix("127.")
}
