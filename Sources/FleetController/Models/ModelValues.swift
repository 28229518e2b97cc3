public import FleetModel
import FleetStore

/// Where a version comes from.
public struct Lineage: Sendable {
    public var description: String
    public var dataset: String?
    public var datasetVersion: Int?
    public var trainingRun: Int64?
    public var trainer: String?
    /// JSON object.
    public var parameters: String
    /// JSON object.
    public var metrics: String
    /// Versions without which this one must not be released.
    public var dependencies: [VersionID]

    public init(
        description: String = "", dataset: String? = nil, datasetVersion: Int? = nil, trainingRun: Int64? = nil,
        trainer: String? = nil, parameters: String = "{}", metrics: String = "{}", dependencies: [VersionID] = []
    ) {
        self.description = description
        self.dataset = dataset
        self.datasetVersion = datasetVersion
        self.trainingRun = trainingRun
        self.trainer = trainer
        self.parameters = parameters
        self.metrics = metrics
        self.dependencies = dependencies
    }
}

/// What a compiler makes of an ONNX file.
public struct CompiledImage: Sendable {
    public var bytes: [UInt8]
    public var arenaBytes: Int
    /// Name and version of the compiler.
    public var compiler: String

    public init(bytes: [UInt8], arenaBytes: Int, compiler: String) {
        self.bytes = bytes
        self.arenaBytes = arenaBytes
        self.compiler = compiler
    }
}

/// ONNX bytes → image; throws with all that is unsupported.
public typealias ImageCompiler = @Sendable ([UInt8]) throws -> CompiledImage
