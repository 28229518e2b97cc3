public import EdgeRuntime
public import ModelCompiler
public import ModelImage
public import ONNXFormat

/// A model file that is ready to run on this machine: an ONNX model, compiled on the spot, or an image.
public struct LoadedModel: ~Copyable {
    /// The runtime's model.
    public var model: Model
    /// The image's bytes.
    public let image: ImageMemory
    /// What the compiler says; nil for an image.
    public let report: CompileReport?

    /// Loads an image.
    ///
    /// - Parameters:
    ///   - instructionSet: The kernels to use; nil takes ``InstructionSet/preferred()``.
    ///   - threads: Threads for large layers.
    public init(
        image bytes: [UInt8], report: CompileReport? = nil, instructionSet: InstructionSet? = nil, threads: Int = 1
    ) throws(ModelToolsError) {
        image = ImageMemory(copying: bytes)
        self.report = report
        do throws(RuntimeError) {
            model = try Model(bytes: image.bytes, instructionSet: instructionSet, threads: threads)
        } catch {
            throw ModelToolsError(.load, "\(error)")
        }
    }

    /// Loads a file.
    ///
    /// - Parameters:
    ///   - path: An ONNX model or an image.
    ///   - dims: Extents of open dimensions, by symbol or by input and axis (`"x.1"`); none for an image.
    ///   - inputs: What will be given to the model: dimensions that `dims` leaves open take their extents.
    ///   - threads: Threads for large layers.
    public init(
        path: String, dims: [String: Int] = [:], inputs: [String: NPYArray] = [:], threads: Int = 1
    ) throws(ModelToolsError) {
        let bytes = try ToolFile.read(path)
        guard !ModelFile.isImage(bytes) else {
            try ModelFile.checkFixed(dims, path: path)
            try self.init(image: bytes, threads: threads)
            return
        }
        let onnx = try ModelFile.onnx(bytes, file: path)
        try self.init(onnx, dims: ModelFile.bind(onnx, dims: dims, to: inputs), path: path, threads: threads)
    }

    /// Compiles an ONNX model.
    ///
    /// - Parameters:
    ///   - path: The file or version, for errors.
    ///   - threads: Threads for large layers.
    public init(
        _ onnx: ONNXModel, dims: [String: Int] = [:], path: String, threads: Int = 1
    ) throws(ModelToolsError) {
        let compiled = try ModelFile.compile(onnx, dims: dims, path: path)
        try self.init(image: compiled.imageBytes, report: compiled.report, threads: threads)
    }
}

/// What a model file is.
public enum ModelFile {
    /// True when the bytes begin as an image does.
    public static func isImage(_ bytes: [UInt8]) -> Bool { bytes.starts(with: "MARTLETI".utf8) }

    /// Refuses extents for an image.
    static func checkFixed(_ dims: [String: Int], path: String) throws(ModelToolsError) {
        guard dims.isEmpty else {
            throw ModelToolsError(.option, "\(path) is an image, whose shapes are fixed; --dim needs the ONNX file")
        }
    }

    /// Reads an ONNX file with the weights that it keeps in files beside it.
    public static func onnx(_ bytes: [UInt8], file path: String) throws(ModelToolsError) -> ONNXModel {
        try ExternalData(fileAt: path).inlined(try onnx(bytes, path: path))
    }

    /// An ONNX file that needs no others: the file as it is, or with the weights inside that lie beside it. What is no
    /// ONNX file stays as it is: whoever gets it says so.
    public static func asOneFile(_ bytes: [UInt8], file path: String) throws(ModelToolsError) -> [UInt8] {
        guard let model = try? onnx(bytes, path: path) else { return bytes }
        let whole = try ExternalData(fileAt: path).inlined(model)
        return whole == model ? bytes : whole.serialized()
    }

    /// Reads an ONNX model; weights in other files stay there.
    public static func onnx(_ bytes: [UInt8], path: String) throws(ModelToolsError) -> ONNXModel {
        do throws(ONNXError) {
            return try ONNXModel(parsing: bytes)
        } catch {
            throw ModelToolsError(.load, "\(path) is neither an ONNX model nor an image: \(error)")
        }
    }

    /// The names of what an application gives to a model: inputs without a default.
    public static func inputNames(of onnx: ONNXModel) -> [String] {
        let constants = Set(onnx.graph.initializers.map(\.name))
        return onnx.graph.inputs.map(\.name).filter { !constants.contains($0) }
    }

    /// Compiles a model.
    public static func compile(
        _ onnx: ONNXModel, dims: [String: Int], path: String
    ) throws(ModelToolsError) -> CompiledModel {
        do throws(CompileError) {
            return try ModelCompiler.compile(onnx, options: CompileOptions(dims: dims))
        } catch {
            throw ModelToolsError(.compile, "\(path) cannot be compiled: \(error)")
        }
    }

    /// Adds what the given arrays say about open dimensions; what `dims` says already stays.
    public static func bind(_ onnx: ONNXModel, dims: [String: Int], to inputs: [String: NPYArray]) -> [String: Int] {
        var bound = dims
        for input in onnx.graph.inputs {
            guard let array = inputs[input.name], case .tensor(_, let declared?) = input.type,
                declared.count == array.shape.count
            else { continue }
            for (axis, dimension) in declared.enumerated() {
                switch dimension {
                case .value(let extent) where extent > 0: continue
                case .symbol(let symbol) where dims[symbol] != nil: continue
                default: break
                }
                let place = "\(input.name).\(axis)"
                if bound[place] == nil, array.shape[axis] > 0 { bound[place] = array.shape[axis] }
            }
        }
        return bound
    }
}
