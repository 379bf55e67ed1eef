import CRdKafka
import Columnar
import ConnectorAPI
import Glibc
import JSON
import Storage
import Synchronization

/// What librdkafka says beside its answers: the newest line of its log and the newest error.
final class KafkaLog: Sendable {
    private struct State {
        var line = ""
        var error: (code: KafkaCode, text: String)?
        var isOversized = false
    }

    private let state = Mutex(State())

    /// The newest line of the log, without its time.
    var line: String { state.withLock { $0.line } }

    /// The newest error of the connections, if there was one.
    var error: (code: KafkaCode, text: String)? { state.withLock { $0.error } }

    /// Forgets the newest error: something went well since.
    func clear() { state.withLock { $0.error = nil } }

    func note(line: String) {
        state.withLock { state in
            state.line = line
            // The one fault that shows nowhere else: the same request goes out again for ever.
            if line.contains("Invalid response size") { state.isOversized = true }
        }
    }

    func note(_ code: KafkaCode, _ text: String) {
        state.withLock { $0.error = (code, text) }
    }

    /// Why nothing more can come, if that shows.
    func fault(_ library: KafkaLibrary, at place: String) -> ConnectorError? {
        let (line, error, isOversized) = state.withLock { ($0.line, $0.error, $0.isOversized) }
        if isOversized {
            return ConnectorError(
                "tooLarge",
                "an answer of the broker is larger than \"kafka.receive.message.max.bytes\" allows "
                    + "(\(JSONValue.escaped(line))); raise it", at: place)
        }
        guard let error, error.code.isRefusal || error.code == .ssl else { return nil }
        return library.error(error.code, "connect", at: place, detail: error.text)
    }
}

/// A connection of librdkafka to a cluster.
// `@unchecked`: the handle may be used by any thread, and is destroyed with its last reference.
@safe
final class KafkaClient: @unchecked Sendable {
    enum Role: Int32 {
        case producer = 0
        case consumer = 1
    }

    let library: KafkaLibrary
    let handle: OpaquePointer
    let log: KafkaLog
    /// The brokers, for messages.
    let servers: String
    private let retainedLog: Unmanaged<KafkaLog>

    /// Opens a client; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - role: what it is for.
    ///   - options: what the job says.
    ///   - own: settings that are the engine's affair.
    ///   - log: where what it says goes.
    ///   - secrets: the values of variables.
    ///   - configure: sets callbacks besides those for log and errors.
    /// - Throws: when the library is not there, or it does not take a setting.
    init(
        _ role: Role, _ options: KafkaOptions, own: [(name: String, value: String)],
        log: KafkaLog = KafkaLog(), secrets: (String) -> String?,
        configure: (KafkaLibrary, OpaquePointer) -> Void = { _, _ in }
    ) throws(ConnectorError) {
        let library = try KafkaLibrary.shared()
        let conf = unsafe library.confNew()
        let user = try Self.settings(of: options, secrets)
        do {
            unsafe try Self.set(conf, library, "bootstrap.servers", options.servers, shown: true)
            unsafe try Self.set(conf, library, "client.id", "streamer", shown: true)
            for setting in user {
                unsafe try Self.set(
                    conf, library, setting.name, setting.value, shown: setting.mayBeShown)
            }
            for (name, value) in own {
                unsafe try Self.set(conf, library, name, value, shown: true)
            }
        } catch {
            unsafe library.confDestroy(conf)
            throw error
        }
        let retained = unsafe Unmanaged.passRetained(log)
        // Safe: the log is released after the handle, and so all of its threads, are gone.
        unsafe library.confSetOpaque(conf, retained.toOpaque())
        unsafe library.confSetLog(conf) { handle, _, _, line in
            guard let handle = unsafe handle, let line = unsafe line,
                let log = unsafe KafkaLibrary.ifOpen?.opaque(handle)
            else { return }
            unsafe Unmanaged<KafkaLog>.fromOpaque(log).takeUnretainedValue()
                .note(line: String(cString: line))
        }
        unsafe library.confSetError(conf) { _, code, text, log in
            guard let log = unsafe log else { return }
            unsafe Unmanaged<KafkaLog>.fromOpaque(log).takeUnretainedValue()
                .note(KafkaCode(code), text.map { unsafe String(cString: $0) } ?? "")
        }
        unsafe configure(library, conf)
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: Self.textBytes)
        defer { unsafe text.deallocate() }
        unsafe text.initialize(repeating: 0, count: Self.textBytes)
        guard let handle = unsafe library.new(role.rawValue, conf, text, Self.textBytes) else {
            let reason = unsafe String(cString: text)
            unsafe library.confDestroy(conf)
            unsafe retained.release()
            throw .kafkaSettings(
                "librdkafka refuses the settings: \(Self.safe(reason, user))", at: options.servers)
        }
        self.library = library
        unsafe self.handle = handle
        self.log = log
        servers = options.servers
        unsafe retainedLog = unsafe retained
    }

    deinit {
        // Neither closes a group nor commits: both are the engine's affair.
        unsafe library.destroyFlags(handle, 0x8)
        unsafe retainedLog.release()
    }

    private static let textBytes = 512

    private static func settings(
        of options: KafkaOptions, _ secrets: (String) -> String?
    ) throws(ConnectorError) -> [KafkaOptions.Setting] {
        try options.resolved(secrets)
    }

    /// A text of librdkafka without values that must not appear.
    private static func safe(_ text: String, _ settings: [KafkaOptions.Setting]) -> String {
        let isSafe = settings.allSatisfy {
            $0.mayBeShown || $0.value.isEmpty || !text.contains($0.value)
        }
        return isSafe ? JSONValue.escaped(text) : "its reason holds a secret"
    }

    private static func set(
        _ conf: OpaquePointer, _ library: KafkaLibrary, _ name: String, _ value: String, shown: Bool
    ) throws(ConnectorError) {
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: textBytes)
        defer { unsafe text.deallocate() }
        unsafe text.initialize(repeating: 0, count: textBytes)
        let result = unsafe library.confSet(conf, name, value, text, textBytes)
        guard result != 0 else { return }
        let key = "kafka.\(JSONValue.escaped(name))"
        // -2: no such property.
        if result == -2 {
            let similar = nearest(to: name, among: unsafe names(conf, library))
            throw .kafkaSettings(
                "librdkafka has no such setting"
                    + (similar.map { " (did you mean 'kafka.\($0)'?)" } ?? ""),
                at: key)
        }
        let reason = shown ? unsafe String(cString: text) : "the value is not one that it takes"
        throw .kafkaSettings(JSONValue.escaped(reason), at: key)
    }

    /// The names of all settings.
    private static func names(_ conf: OpaquePointer, _ library: KafkaLibrary) -> [String] {
        var count = 0
        guard let texts = unsafe library.confDump(conf, &count) else { return [] }
        defer { unsafe library.confDumpFree(texts, count) }
        return stride(from: 0, to: count, by: 2).compactMap { index in
            unsafe texts[index].map { unsafe String(cString: $0) }
        }
    }
}
