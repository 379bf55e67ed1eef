public import ConnectorAPI
public import Storage

/// A machine with the place that a sink writes to, as a contract's check needs it.
public protocol SinkMachine {
    /// Opens the sink, as a new process does.
    func open() throws -> any Sink

    /// What readers of the place see: content by name.
    func visible() throws -> [String: [UInt8]]

    /// Everything there is, also what no reader looks at; an empty directory is one without content.
    func everything() throws -> [String: [UInt8]]

    /// How many steps the machine has made: each is a place to bring it down at.
    var steps: Int { get }

    /// Lets the machine go down before a step.
    func plan(crashAt step: Int)

    /// Whether it went down.
    var isDown: Bool { get }

    /// How many calls the machine has had: each may fail. 0 for one whose calls do not fail.
    var calls: Int { get }

    /// Lets a call fail, once.
    func planFailure(ofCall call: Int)

    /// The machine started again.
    func restarted(_ survival: Survival) -> Self

    /// Machines on each of which a byte of what a receipt speaks of is another.
    func damaged(_ receipt: SinkReceipt) throws -> [Self]
}

extension SinkMachine {
    /// None that fails.
    public var calls: Int { 0 }

    /// Nothing fails.
    public func planFailure(ofCall call: Int) {}
}

/// A simulated disk with a table on it.
public struct TableMachine: SinkMachine {
    /// The disk.
    public let files: SimulatedFileSystem
    private let path: Path
    private let openSink: @Sendable (any FileSystem) throws -> any Sink

    /// A machine with nothing on it.
    ///
    /// - Parameters:
    ///   - path: the table's directory.
    ///   - open: opens the sink.
    public init(
        _ path: Path, open: @escaping @Sendable (any FileSystem) throws -> any Sink
    ) {
        self.init(SimulatedFileSystem(), path, open)
    }

    private init(
        _ files: SimulatedFileSystem, _ path: Path,
        _ openSink: @escaping @Sendable (any FileSystem) throws -> any Sink
    ) {
        self.files = files
        self.path = path
        self.openSink = openSink
    }

    /// Opens the sink.
    public func open() throws -> any Sink { try openSink(files) }

    /// The files of the table whose names do not hide them, a Delta table's log among them.
    public func visible() throws -> [String: [UInt8]] {
        try everything().filter { path, content in
            let name = path.split(separator: "/" as Character).last ?? ""
            return !content.isEmpty && !name.hasPrefix("_") && !name.hasPrefix(".")
        }
    }

    /// Every file, and every directory that is empty.
    public func everything() throws -> [String: [UInt8]] {
        let image = files.image
        var found: [String: [UInt8]] = [:]
        for file in image.filePaths { found[file] = image.content(try Path(file)) }
        for directory in image.emptyDirectories { found[directory + "/"] = [] }
        return found
    }

    /// The operations of the disk.
    public var steps: Int { files.operations }

    /// Plans a crash of the disk.
    public func plan(crashAt step: Int) { files.plan(.crash, at: step) }

    /// Whether the disk is down.
    public var isDown: Bool { files.isDown }

    /// The calls of the disk.
    public var calls: Int { files.calls }

    /// Plans a fault of the disk.
    public func planFailure(ofCall call: Int) { files.planFailure(ofCall: call) }

    /// The disk after a loss of power.
    public func restarted(_ survival: Survival) -> TableMachine {
        TableMachine(files.restarted(survival), path, openSink)
    }

    /// The first, the middle and the last byte of the receipt's file, each with a bit flipped.
    public func damaged(_ receipt: SinkReceipt) throws -> [TableMachine] {
        guard case .file(let file) = receipt else { return [] }
        let place = try path.joining(relative: file.path)
        guard let count = files.image.content(place)?.count, count > 0 else { return [] }
        return [0, count / 2, count - 1].map { byte in
            var image = files.image
            image.flip(bit: byte * 8, of: place)
            return TableMachine(image.started(), path, openSink)
        }
    }
}
