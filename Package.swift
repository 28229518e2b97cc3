// swift-tools-version: 6.2
// Martlet: a fleet manager for machine-learning models on edge devices.
// The parts and what each may import are described in ARCHITECTURE.md; TidyTests hold the code to that table.
import PackageDescription

/// `MARTLET_DEVICE_ONLY=1` leaves out the server side (NIO, Hummingbird, Yams …): a device build then
/// fetches GRDB's SQLite module map and nothing else.
let deviceOnly = Context.environment["MARTLET_DEVICE_ONLY"] == "1"

// MARK: - Settings

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]
/// What is neither a kernel nor runs for every value of a frame is compiled for size in the agent that devices get
/// (`scripts/build agent`): a smaller binary is a smaller update.
let agentOnly = Context.environment["MARTLET_AGENT"] == "1"
let compact: [SwiftSetting] =
    agentOnly ? strict + [.unsafeFlags(["-Osize"], .when(configuration: .release))] : strict
/// The static standard library whose unused code can be dropped (`scripts/lean-stdlib`), before the original.
let leanLibrary: [LinkerSetting] =
    agentOnly ? [.unsafeFlags(["\(Context.packageDirectory)/.build-agent/lean/Swift.o"])] : []
/// Numeric code is unchecked in release builds: image reader and tests prove what kernels rely on.
let numeric: [SwiftSetting] = strict + [.unsafeFlags(["-Ounchecked"], .when(configuration: .release))]
/// Kernels are optimised in debug builds too (an unoptimised one is a thousand times slower), for one instruction set
/// per module.
func kernel(_ architecture: [String]) -> [SwiftSetting] {
    strict + [.unsafeFlags(["-Ounchecked", "-wmo", "-num-threads", "1"] + architecture)]
}

// MARK: - Parts on both sides

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0")
]

var products: [Product] = [
    .executable(name: "martlet-agent", targets: ["martlet-agent"]),
    .executable(name: "martlet-bench", targets: ["martlet-bench"]),
    .executable(name: "codec-bench", targets: ["codec-bench"]),
    // The runtime for C: libmartletedge.so.
    .library(name: "martletedge", type: .dynamic, targets: ["MartletEdgeC"]),
]

/// The kernels' source compiled for wider registers; the files are links to TensorKernelsBaseline's. On other
/// processors their `-march` means nothing, so they are left out. The threshold lets AVX-512's larger register block
/// unroll, which keeps its sums in registers.
var vectorKernels: [(name: String, flags: [String])] = []
#if arch(x86_64)
    vectorKernels = [
        ("TensorKernelsAVX2", ["-Xcc", "-march=x86-64-v3"]),
        (
            "TensorKernelsAVX512",
            ["-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512vnni", "-Xllvm", "-unroll-threshold=600"]
        ),
    ]
#endif
let kernelModules: [Target.Dependency] =
    ["CEdgeSupport", "TensorKernels", "TensorKernelsBaseline"] + vectorKernels.map { .init(stringLiteral: $0.name) }

var targets: [Target] = [
    .systemLibrary(name: "CMosquitto", providers: [.apt(["libmosquitto-dev"])]),
    .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),

    .target(name: "ModelImage", swiftSettings: compact),
    .systemLibrary(name: "CEdgeSupport"),
    .systemLibrary(name: "CVectorSupport"),
    .target(name: "TensorKernels", swiftSettings: kernel([])),
    .target(
        name: "TensorKernelsBaseline", dependencies: ["CVectorSupport", "TensorKernels"], swiftSettings: kernel([])),
    .target(name: "OperatorInterface", dependencies: ["ModelImage", "TensorKernels"], swiftSettings: compact),
    .target(
        name: "TensorOperators", dependencies: ["OperatorInterface", "ModelImage", "TensorKernels"],
        swiftSettings: kernel([])),
    .target(
        name: "EdgeRuntime", dependencies: ["ModelImage", "OperatorInterface", "TensorOperators"] + kernelModules,
        swiftSettings: strict),
    .target(name: "CMartletEdge", publicHeadersPath: "."),
    .target(name: "MartletEdgeC", dependencies: ["CMartletEdge", "EdgeRuntime", "ModelImage"], swiftSettings: strict),
    // Square roots in debug builds are calls into libm, which nothing else links while no module imports Glibc.
    .target(name: "Sketches", swiftSettings: strict, linkerSettings: [.linkedLibrary("m")]),
    .target(name: "FleetModel", swiftSettings: compact),
    // Every byte of an image passes these loops: a debug build, which tests use, optimises them too.
    .target(name: "BlobCoding", dependencies: ["CZstd", "ModelImage"], swiftSettings: strict + [.unsafeFlags(["-O"])]),
    .target(name: "FleetCrypto", dependencies: ["COpenSSL", "FleetModel"], swiftSettings: compact),
    .target(name: "FleetWire", dependencies: ["FleetModel", "Sketches"], swiftSettings: compact),
    .target(name: "DeviceCore", dependencies: ["FleetModel", "FleetWire", "Sketches"], swiftSettings: compact),
    .target(
        name: "MQTTTransport", dependencies: ["CMosquitto", "FleetCrypto", "FleetWire", "Sketches"],
        swiftSettings: compact),
    .target(
        name: "DeviceHost",
        dependencies: [
            "BlobCoding", "DeviceCore", "EdgeRuntime", "FleetCrypto", "FleetModel", "FleetWire", "ModelImage",
            "MQTTTransport", "Sketches", .product(name: "GRDBSQLite", package: "GRDB.swift"),
        ],
        swiftSettings: compact),
    .executableTarget(
        name: "martlet-agent", dependencies: ["DeviceHost"], swiftSettings: compact, linkerSettings: leanLibrary),

    .testTarget(name: "ModelImageTests", dependencies: ["ModelImage"], swiftSettings: strict),
    .testTarget(
        name: "TensorKernelsTests", dependencies: kernelModules + ["Sketches"], swiftSettings: strict),
    .target(name: "CAllocationCounter"),
    .testTarget(
        name: "EdgeRuntimeTests",
        dependencies: ["EdgeRuntime", "ModelImage", "TensorKernels", "CAllocationCounter", "Sketches"],
        swiftSettings: strict),
    .testTarget(
        name: "BlobCodingTests",
        dependencies: ["BlobCoding", "ModelImage", "ModelCompiler", "ONNXFormat", "Sketches", "UpdateFixtures"],
        swiftSettings: strict),
    .testTarget(name: "SketchesTests", dependencies: ["Sketches"], swiftSettings: strict),
    .testTarget(name: "FleetModelTests", dependencies: ["FleetModel"], swiftSettings: strict),
    .testTarget(name: "FleetCryptoTests", dependencies: ["FleetCrypto", "FleetModel"], swiftSettings: strict),
    .testTarget(
        name: "FleetWireTests", dependencies: ["FleetWire", "FleetModel", "FleetCrypto", "Sketches"],
        swiftSettings: strict),
    .testTarget(
        name: "DeviceCoreTests", dependencies: ["DeviceCore", "FleetModel", "FleetWire", "Sketches"],
        swiftSettings: strict),
    .testTarget(name: "MQTTTransportTests", dependencies: ["MQTTTransport", "Sketches"], swiftSettings: strict),
    .testTarget(
        name: "DeviceHostTests",
        dependencies: [
            "DeviceHost", "DeviceCore", "FleetModel", "FleetWire", "FleetCrypto", "ModelImage", "MQTTTransport",
            "Sketches", "BlobCoding", "ModelCompiler", "ONNXFormat", "BuiltPrograms", "martlet-agent",
        ],
        swiftSettings: strict),
    .target(name: "BuiltPrograms", path: "Tests/BuiltPrograms", swiftSettings: strict),
    .testTarget(name: "TidyTests", dependencies: ["BuiltPrograms"], swiftSettings: strict),
]

for kernels in vectorKernels {
    targets.append(
        .target(
            name: kernels.name, dependencies: ["CVectorSupport", "TensorKernels"],
            swiftSettings: kernel(kernels.flags)))
}

// MARK: - Compiler and training: no server packages

targets += [
    .target(name: "ONNXFormat", swiftSettings: strict),
    .target(
        name: "ModelCompiler", dependencies: ["ONNXFormat", "ModelImage", "EdgeRuntime", "TensorKernels"],
        swiftSettings: strict),
    .target(
        name: "Training",
        dependencies: ["ONNXFormat", "ModelCompiler", "ModelImage", "EdgeRuntime", "Sketches", "FleetModel"],
        swiftSettings: numeric),
    .target(name: "RolloutCore", dependencies: ["FleetModel", "Sketches"], swiftSettings: strict),
    .target(name: "RetrainCore", dependencies: ["FleetModel", "Sketches"], swiftSettings: strict),

    .target(
        name: "ModelTools",
        dependencies: ["CAllocationCounter", "EdgeRuntime", "ModelCompiler", "ModelImage", "ONNXFormat", "Sketches"],
        swiftSettings: strict),
    .executableTarget(
        name: "martlet-bench", dependencies: ["ModelTools"], path: "Benchmarks/martlet-bench", swiftSettings: strict),
    // Networks before and after a change of their weights, for tests and figures of update sizes.
    .target(
        name: "UpdateFixtures", dependencies: ["ModelCompiler", "ModelImage", "ONNXFormat", "Sketches"],
        path: "Tests/UpdateFixtures", swiftSettings: strict),
    .executableTarget(
        name: "codec-bench", dependencies: ["BlobCoding", "ModelImage", "UpdateFixtures"],
        path: "Benchmarks/codec-bench", swiftSettings: strict),

    .testTarget(name: "ONNXFormatTests", dependencies: ["ONNXFormat", "Sketches"], swiftSettings: strict),
    .testTarget(
        name: "ModelCompilerTests",
        dependencies: ["ModelCompiler", "ONNXFormat", "ModelImage", "EdgeRuntime", "Sketches"],
        swiftSettings: strict),
    .testTarget(
        name: "ModelToolsTests",
        dependencies: ["ModelTools", "ONNXFormat", "ModelCompiler", "ModelImage", "EdgeRuntime", "Sketches"],
        swiftSettings: strict),
    .testTarget(
        name: "TrainingTests",
        dependencies: [
            "Training", "ONNXFormat", "ModelCompiler", "ModelImage", "EdgeRuntime", "Sketches", "FleetModel",
        ],
        swiftSettings: strict),
    .testTarget(name: "RolloutCoreTests", dependencies: ["RolloutCore", "FleetModel"], swiftSettings: strict),
    .testTarget(name: "RetrainCoreTests", dependencies: ["RetrainCore", "FleetModel"], swiftSettings: strict),
]

// MARK: - The server side

if !deviceOnly {
    dependencies += [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ]
    products += [
        .executable(name: "martlet", targets: ["martlet"]),
        .executable(name: "martlet-fleet", targets: ["martlet-fleet"]),
        .executable(name: "martlet-demo", targets: ["martlet-demo"]),
        .library(name: "VirtualFleet", targets: ["VirtualFleet"]),
    ]
    let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
    let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
    let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
    let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
    let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
    let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
    let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
    let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
    let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
    let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
    let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
    let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
    let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
    let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
    let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
    let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
    let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
    let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

    targets += [
        .target(name: "FrameSource", dependencies: ["FleetModel", yams], swiftSettings: strict),
        .target(name: "FleetClient", dependencies: [httpClient, nioCore, nioHTTP, nioSSL], swiftSettings: strict),
        .target(
            name: "FleetStore", dependencies: ["CSQLite", "FleetModel", "FleetCrypto", "FleetWire", "Sketches", grdb],
            swiftSettings: strict),
        .target(
            name: "FleetController",
            dependencies: [
                "FleetStore", "FleetWire", "FleetModel", "FleetCrypto", "RolloutCore", "RetrainCore", "Sketches",
                "Training", "ModelCompiler", "ModelImage", "EdgeRuntime", "ONNXFormat", "MQTTTransport",
                "FrameSource", "BlobCoding", grdb, logging, metrics, lifecycle, httpClient, nioCore, nioHTTP1,
            ],
            swiftSettings: strict),
        .target(
            name: "FleetConsole",
            dependencies: [
                "FleetController", "FleetStore", "FleetModel", "FleetCrypto", "FleetWire", "Sketches", "RolloutCore",
                "RetrainCore", hummingbird, hummingbirdTLS, mustache, logging, metrics, lifecycle, nioCore, nioSSL,
                httpTypes,
            ],
            resources: [.embedInCode("Resources")],
            swiftSettings: strict),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "FleetConsole", "FleetController", "FleetClient", "FleetStore", "FleetModel", "FleetCrypto",
                "FleetWire",
                "Training", "ModelCompiler", "ModelImage", "ModelTools", "EdgeRuntime", "ONNXFormat", "FrameSource",
                "Sketches", arguments, configuration, systemPackage, logging, metrics, lifecycle, signals, httpClient,
                nioCore,
                hummingbird,
            ],
            swiftSettings: strict),

        .target(
            name: "VirtualFleet",
            dependencies: [
                "DeviceHost", "DeviceCore", "FleetModel", "FleetWire", "FleetCrypto", "MQTTTransport", "Sketches",
                "FrameSource", "EdgeRuntime", "ModelImage", "RolloutCore", "FleetStore", "FleetController", grdb,
                logging,
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "firmware-sim/VirtualFleet", swiftSettings: strict),
        .executableTarget(
            name: "martlet-fleet",
            dependencies: ["VirtualFleet", "MQTTTransport", "FrameSource", arguments],
            path: "firmware-sim/martlet-fleet", swiftSettings: strict),
        .executableTarget(
            name: "martlet-pull-reference", dependencies: ["CMosquitto", "COpenSSL"],
            path: "firmware-sim/martlet-pull-reference",
            linkerSettings: [.linkedLibrary("mosquitto"), .linkedLibrary("crypto")]),
        .executableTarget(
            name: "martlet-demo",
            dependencies: [
                "VirtualFleet", "FrameSource", "FleetClient", "FleetModel", "FleetStore", arguments, httpClient,
                nioCore,
                nioHTTP, hummingbird, logging, grdb,
            ],
            path: "firmware-sim/martlet-demo", swiftSettings: strict),

        .testTarget(
            name: "FleetClientTests",
            dependencies: ["FleetClient", hummingbird, hummingbirdTesting, httpClient, httpTypes, logging, nioCore],
            swiftSettings: strict),
        .target(
            name: "DemoFleet",
            dependencies: [
                "FleetController", "FleetStore", "FleetModel", "FleetWire", "FleetCrypto", "Sketches", grdb, logging,
            ],
            path: "Tests/DemoFleet", swiftSettings: strict),
        .testTarget(name: "FrameSourceTests", dependencies: ["FrameSource", "FleetModel"], swiftSettings: strict),
        .testTarget(
            name: "FleetStoreTests", dependencies: ["FleetStore", "FleetModel", "FleetCrypto", "FleetWire", grdb],
            swiftSettings: strict),
        .testTarget(
            name: "FleetControllerTests",
            dependencies: [
                "FleetController", "FleetStore", "FleetModel", "FleetWire", "FleetCrypto", "Sketches", "RolloutCore",
                "RetrainCore", "ModelCompiler", "ONNXFormat", "Training", "MQTTTransport", "FrameSource", "BlobCoding",
                "ModelImage", "BuiltPrograms", grdb, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "FleetConsoleTests",
            dependencies: [
                "FleetConsole", "FleetController", "FleetStore", "FleetModel", "FleetCrypto", "FleetWire", "Sketches",
                "DemoFleet", hummingbird, hummingbirdTesting, httpTypes, nioCore, grdb, logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "VirtualFleetTests",
            dependencies: ["VirtualFleet", "DeviceHost", "FleetModel", "FrameSource", "MQTTTransport", "Sketches"],
            swiftSettings: strict),
        .testTarget(
            name: "MartletTests",
            dependencies: ["martlet", "FleetModel", "FrameSource", grdb], swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "FleetController", "FleetStore", "FleetModel", "FleetWire", "FleetCrypto", "DeviceCore", "DeviceHost",
                "FleetClient", "MQTTTransport", "VirtualFleet", "FleetConsole", "Sketches", "Training", "FrameSource",
                "BuiltPrograms", "DemoFleet", httpClient, nioCore, nioHTTP1, grdb, logging, lifecycle,
            ],
            swiftSettings: strict),
    ]
}

let package = Package(
    name: "martlet",
    products: products,
    dependencies: dependencies,
    targets: targets
)
