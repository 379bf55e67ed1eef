// swift-tools-version: 6.2
import PackageDescription

// The layers, lowest first. A target imports only what stands above it in this table; CI builds
// with `--explicit-target-dependency-import-check error`, so an undeclared import does not build.

// `Lifetimes` is experimental in Swift 6.3; it is what lets a column hand out a `Span` over its
// own buffer without copying. Every use is a property or function with `@_lifetime(borrow self)`.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableExperimentalFeature("Lifetimes"),
    // So that the linker can put functions in order: see `startupOrder`.
    .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release)),
]

/// What a start calls stands side by side, by LLVM's linker, which comes with Swift: the kernel maps
/// 64 KiB around every page that is touched, and a start touched most of the program.
let startupOrder: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--no-warn-symbol-ordering", "-Xlinker",
            "--symbol-ordering-file=\(Context.packageDirectory)/Sources/streamer/startup-order.txt",
        ], .when(configuration: .release))
]

func layer(
    _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

/// A connector: the folder of its name, which imports no other connector.
func connector(
    _ name: String, _ dependencies: [Target.Dependency] = [], folder: String? = nil
) -> Target {
    layer(
        name + "Connector",
        ["Storage", "Columnar", "JSON", "Settings", "ConnectorAPI"] + dependencies,
        path: "Sources/Connectors/" + (folder ?? name))
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: settings)
}

/// A C library of the system: a module map under Sources, the library from Debian's -dev package.
func library(_ name: String, pkgConfig: String, apt package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

let package = Package(
    name: "streamer",
    products: [.executable(name: "streamer", targets: ["streamer"])],
    targets: [
        library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        library("CLZ4", pkgConfig: "liblz4", apt: "liblz4-dev"),
        library("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
        library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        library("CSnappy", pkgConfig: "snappy", apt: "libsnappy-dev"),
        library("CBrotli", pkgConfig: "libbrotlidec", apt: "libbrotli-dev"),
        // Declarations alone: the library is opened when a job needs it.
        .systemLibrary(name: "CRdKafka"),
        .target(name: "CSystem"),
        // HTTP and WebSocket frames by libraries that are opened at first use, and the files of the
        // page, which `make page` leaves in the folder that is left out.
        .target(name: "CServing"),
        .target(name: "CAssets", exclude: ["generated"]),
        .target(
            name: "CSimdjson",
            linkerSettings: [.linkedLibrary("simdjson")]),

        layer("Storage", ["CSystem", "CXXHash"]),
        layer("Columnar", ["CZstd", "CLZ4", "CXXHash"]),
        // C libraries that are opened at first use: nothing of them is linked.
        layer("Network", ["Storage"]),
        layer("JSON", ["CSimdjson"]),
        layer("Expressions", ["Columnar"]),
        layer("Settings", ["Columnar", "JSON", "Expressions"]),
        // Verbs and their options, tables and numbers for people: no verb is known here.
        layer("CommandLine", ["Storage", "Columnar", "JSON", "Expressions"]),
        layer("ConnectorAPI", ["Storage", "Columnar", "JSON", "Expressions", "Settings"]),
        layer("TickLog", ["Storage", "Columnar", "JSON"]),
        layer(
            "Parquet", ["Columnar", "CZstd", "CZlib", "CLZ4", "CSnappy", "CBrotli", "CXXHash"]),
        layer("Lake", ["Storage", "Columnar", "JSON", "Parquet"]),
        layer("KeyedState", ["Storage", "Columnar"]),
        layer("Checkpoints", ["Storage", "JSON", "ConnectorAPI"]),
        layer("Operators", ["Storage", "Columnar", "Expressions", "KeyedState"]),
        layer(
            "Jobs",
            ["Columnar", "JSON", "Expressions", "Settings", "ConnectorAPI", "Operators"]),
        layer(
            "SparkExport", ["Columnar", "Expressions", "ConnectorAPI", "Operators", "Jobs"]),
        layer("Feeds", ["Storage", "Columnar", "ConnectorAPI", "TickLog", "Lake"]),
        layer(
            "Decoding",
            ["Storage", "Columnar", "JSON", "Settings", "ConnectorAPI", "CSimdjson"]),
        layer(
            "FileSources",
            ["Storage", "Columnar", "JSON", "Settings", "ConnectorAPI", "Checkpoints", "Lake"],
            path: "Sources/Connectors/Files"),

        // One folder a connector; none knows another, nor jobs, nor the engine.
        connector("Arrow", ["FileSources"]),
        connector("Text", ["Checkpoints", "Decoding", "FileSources", "CZlib", "CZstd", "CLZ4"]),
        connector("Simulator", ["Decoding"]),
        connector("Log", ["Checkpoints", "TickLog"]),
        connector(
            "Parquet", ["Checkpoints", "Parquet", "Lake", "FileSources"], folder: "ParquetFiles"),
        connector("Lake", ["Expressions", "Parquet", "Lake"]),
        connector("Console", ["Expressions"]),
        connector("Kafka", ["CRdKafka", "Expressions", "Network", "Decoding"]),
        connector("Postgres", ["Expressions", "Network"]),
        layer(
            "Registry",
            [
                "ConnectorAPI", "ArrowConnector", "TextConnector", "SimulatorConnector",
                "LogConnector", "ParquetConnector", "LakeConnector", "ConsoleConnector",
                "KafkaConnector",
                "PostgresConnector",
            ]),
        layer(
            "Engine",
            [
                "Storage", "Columnar", "JSON", "Settings", "ConnectorAPI", "Expressions",
                "KeyedState",
                "Checkpoints", "Operators", "Jobs",
            ]),
        layer(
            "Serving",
            [
                "CServing", "CAssets", "Storage", "Columnar", "Network", "JSON", "Expressions",
                "ConnectorAPI", "Lake", "Operators", "Jobs", "Engine",
            ]),
        .executableTarget(
            name: "streamer",
            dependencies: [
                "CSystem", "Storage", "Columnar", "JSON", "Settings", "ConnectorAPI",
                "Expressions", "TickLog", "Parquet", "Lake", "KeyedState", "Checkpoints",
                "Operators", "Jobs", "SparkExport", "Feeds", "Registry", "Engine", "Serving",
                "CommandLine",
            ],
            exclude: ["startup-order.txt"],
            swiftSettings: settings, linkerSettings: startupOrder),

        .target(
            name: "TestSupport",
            dependencies: ["Storage", "Columnar", "ConnectorAPI", "TickLog", "Feeds"],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        // Sweeps of crashes, faults and flipped bits over the whole engine, in a release build.
        .executableTarget(
            name: "crash-sweep",
            dependencies: [
                "Storage", "Columnar", "JSON", "Settings", "ConnectorAPI", "TickLog", "Parquet",
                "Lake", "KeyedState", "Checkpoints", "Operators", "Jobs", "Feeds",
                "LogConnector", "Registry", "Engine", "TestSupport", "FuzzTargets",
            ], path: "Tests/CrashSweep", swiftSettings: settings),
        .executableTarget(
            name: "ParquetExchange", dependencies: ["Columnar", "Parquet"],
            path: "Tests/ParquetExchange", swiftSettings: settings),
        // Parsers of bytes from outside, for libFuzzer (`make fuzz`) and for tests.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Storage", "Columnar", "JSON", "Settings", "Expressions", "TickLog", "Parquet",
                "Lake", "KeyedState", "Checkpoints", "Operators", "Jobs", "ConnectorAPI",
                "Decoding",
                "TextConnector", "Registry", "TestSupport",
            ], path: "Tests/FuzzTargets", swiftSettings: settings),
        tests("FuzzTests", ["Storage", "FuzzTargets"]),
        tests("TestSupportTests", ["Storage", "Columnar", "ConnectorAPI"]),
        tests("StorageTests", ["Storage"]),
        tests("NetworkTests", ["Network"]),
        tests("ServingTests", ["Columnar", "Settings", "Jobs", "Registry", "Serving"]),
        tests(
            "KafkaTests",
            ["Storage", "Columnar", "JSON", "Settings", "ConnectorAPI", "KafkaConnector"]),
        tests("CommandLineTests", ["Storage", "Columnar", "CommandLine"]),
        tests("ColumnarTests", ["Columnar"]),
        tests("JSONTests", ["JSON"]),
        tests("ExpressionsTests", ["Columnar", "Expressions"]),
        tests("TickLogTests", ["Storage", "Columnar", "TickLog"]),
        tests("ParquetTests", ["Columnar", "Parquet"]),
        tests("LakeTests", ["Storage", "Columnar", "JSON", "Parquet", "Lake"]),
        tests("KeyedStateTests", ["Storage", "Columnar", "KeyedState"]),
        tests("CheckpointsTests", ["Storage", "ConnectorAPI", "Checkpoints"]),
        tests("OperatorsTests", ["Storage", "Columnar", "Expressions", "KeyedState", "Operators"]),
        tests("ConnectorAPITests", ["Storage", "Columnar", "ConnectorAPI"]),
        tests(
            "SettingsTests", ["Columnar", "JSON", "Settings"]),
        tests(
            "JobsTests",
            [
                "Columnar", "Expressions", "Operators", "JSON", "Settings", "ConnectorAPI", "Jobs",
                "Decoding", "SimulatorConnector", "TextConnector", "Registry",
            ]),
        tests(
            "SparkExportTests",
            [
                "Columnar", "Expressions", "Operators", "Settings", "Jobs", "SparkExport",
                "Registry",
            ]),
        tests(
            "ConnectorsTests",
            [
                "Storage", "Columnar", "JSON", "Expressions", "Settings", "ConnectorAPI",
                "Checkpoints",
                "TickLog", "Parquet", "Lake", "Feeds", "Decoding", "FileSources", "TextConnector",
                "ArrowConnector", "SimulatorConnector", "LogConnector", "LakeConnector",
                "ParquetConnector", "ConsoleConnector", "Registry", "Engine",
            ]),
        tests(
            "PostgresTests",
            [
                "Storage", "Columnar", "JSON", "Expressions", "Settings", "ConnectorAPI",
                "PostgresConnector",
            ]),
        tests(
            "EngineTests",
            [
                "Storage", "Columnar", "JSON", "Settings", "ConnectorAPI", "Expressions",
                "KeyedState",
                "Checkpoints", "Operators", "Jobs", "TickLog", "Parquet", "Lake", "LogConnector",
                "Registry", "Engine",
            ]),
    ],
    cxxLanguageStandard: .cxx17
)

// libFuzzer brings its own main: the target exists only in the build that links it.
if Context.environment["STREAMER_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz",
            exclude: ["fuzz.py"],
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
