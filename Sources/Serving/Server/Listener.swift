import CServing
import Glibc

/// The sockets that a server listens on.
struct Listener {
    /// The descriptors.
    let descriptors: [Int32]
    /// The port that was taken.
    let port: UInt16

    /// Listens on an address, or on the loopback addresses of both families.
    ///
    /// - Throws: ``ServingError`` when the port is in use or the address is not this machine's.
    init(_ options: ServingOptions) throws(ServingError) {
        let addresses = options.address.map { [$0] } ?? ["127.0.0.1", "::1"]
        var opened: [Int32] = []
        var port = options.port
        for (index, address) in addresses.enumerated() {
            do throws(ServingError) {
                let descriptor = try Self.listen(address, port)
                opened.append(descriptor)
                if port == 0 { port = Self.port(of: descriptor) }
            } catch {
                // A machine may have no IPv6, and then nothing is missing.
                if index > 0, options.address == nil { continue }
                for descriptor in opened { Glibc.close(descriptor) }
                throw error
            }
        }
        descriptors = opened
        self.port = port
    }

    func close() {
        for descriptor in descriptors { Glibc.close(descriptor) }
    }

    private static func listen(_ address: String, _ port: UInt16) throws(ServingError) -> Int32 {
        var descriptor: Int32 = -1
        var four = sockaddr_in()
        var six = sockaddr_in6()
        let text = address == "localhost" ? "127.0.0.1" : address
        // Safe: the structs are variables of this function, of the sizes that are said.
        if unsafe inet_pton(AF_INET, text, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            descriptor = unsafe withUnsafePointer(to: &four) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe cserving_listen($0, size, 0)
                }
            }
        } else if unsafe inet_pton(AF_INET6, text, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
            descriptor = unsafe withUnsafePointer(to: &six) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe cserving_listen($0, size, 1)
                }
            }
        } else {
            throw ServingError(
                "--bind takes an IPv4 or IPv6 address such as 0.0.0.0, not '\(address)'",
                isMistakeOfTheCaller: true)
        }
        guard descriptor < 0 else { return descriptor }
        let number = errno
        switch number {
        case EADDRINUSE:
            throw ServingError(
                "port \(port) of \(address) is in use: another program listens there; name another "
                    + "port, or --serve 0 for one that is free")
        case EACCES:
            throw ServingError(
                "port \(port) of \(address) needs rights that this process lacks; take one from "
                    + "1024 on")
        case EADDRNOTAVAIL:
            throw ServingError("\(address) is no address of this machine")
        default:
            throw ServingError(
                "cannot listen on port \(port) of \(address): error \(number)")
        }
    }

    private static func port(of descriptor: Int32) -> UInt16 {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // Safe: both kinds of address have the port at the same place.
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            let name = unsafe UnsafeMutableRawPointer(pointer)
                .assumingMemoryBound(to: sockaddr.self)
            guard unsafe getsockname(descriptor, name, &length) == 0 else { return 0 }
            return unsafe UnsafeRawPointer(pointer).load(as: sockaddr_in.self).sin_port.bigEndian
        }
    }
}
