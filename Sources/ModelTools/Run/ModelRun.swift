public import EdgeRuntime
import ModelImage

/// One run of a model over arrays with names.
public enum ModelRun {
    /// A result with its name in the model.
    public struct Output: Hashable, Sendable {
        /// The output's name.
        public let name: String
        /// Its elements.
        public let array: NPYArray
    }

    /// Runs the model once.
    ///
    /// - Parameter inputs: An array for each input of the model, of its type and shape.
    /// - Throws: ``ModelToolsError`` before anything runs: an unknown or missing name, a wrong type or shape.
    public static func run(
        _ loaded: inout LoadedModel, inputs: [String: NPYArray]
    ) throws(ModelToolsError) -> [Output] {
        let ports = loaded.model.inputs
        try checkNames(inputs.keys.sorted(), against: ports)
        for port in ports {
            guard let array = inputs[port.name] else {
                throw ModelToolsError(.name, "input \(describe(port)) is missing: --input \(port.name)=FILE.npy")
            }
            try check(array, against: port)
        }
        for (index, port) in ports.enumerated() {
            if let array = inputs[port.name] { write(array.bytes, to: index, of: &loaded.model, type: array.type) }
        }
        loaded.model.run()
        return try outputs(of: loaded.model)
    }

    /// The outputs after a run.
    public static func outputs(of model: borrowing Model) throws(ModelToolsError) -> [Output] {
        var results: [Output] = []
        for (index, port) in model.outputs.enumerated() {
            let type = try type(of: port)
            let bytes = model.withOutput(index) { Array($0) }
            results.append(Output(name: port.name, array: NPYArray(type: type, shape: port.shape, bytes: bytes)))
        }
        return results
    }

    /// Throws unless every name is one of the inputs'.
    static func checkNames(_ names: [String], against ports: [TensorInfo]) throws(ModelToolsError) {
        let known = ports.map(\.name)
        for name in names where !known.contains(name) {
            throw ModelToolsError(
                .name,
                "the model has no input \"\(name)\"; its inputs are " + ports.map(describe).joined(separator: ", "))
        }
    }

    static func check(_ array: NPYArray, against port: TensorInfo) throws(ModelToolsError) {
        let type = try type(of: port)
        guard array.type == type else {
            throw ModelToolsError(
                .tensor,
                "input \"\(port.name)\" takes \(type.name), the file holds \(array.type.name): "
                    + "save array.astype(numpy.\(type.name))")
        }
        guard array.shape == port.shape else {
            throw ModelToolsError(
                .tensor,
                "input \"\(port.name)\" has shape \(port.shape), the file \(array.shape); save the array in that shape, "
                    + "bind open dimensions with --dim, or score many rows with --batch")
        }
    }

    /// Writes an input; whatever is not zero is true.
    static func write(_ bytes: some Collection<UInt8>, to port: Int, of model: inout Model, type: NPYType) {
        model.withInput(port) { place in
            if type == .bool {
                for (index, byte) in bytes.enumerated() where index < place.count { place[index] = byte == 0 ? 0 : 1 }
            } else {
                place.copyBytes(from: bytes.prefix(place.count))
            }
        }
    }

    static func type(of port: TensorInfo) throws(ModelToolsError) -> NPYType {
        guard let type = NPYType(port.elementType) else {
            throw ModelToolsError(.tensor, "\"\(port.name)\" has elements that NumPy has no type for")
        }
        return type
    }

    /// A port as people write it: `x float32 [1, 640]`.
    public static func describe(_ port: TensorInfo) -> String {
        "\"\(port.name)\" (\(NPYType(port.elementType)?.name ?? "\(port.elementType)") \(port.shape))"
    }
}

/// File names for outputs: a model may call an output anything.
public enum OutputFileName {
    /// Characters of a file's name without its ending, at most.
    public static let lengthLimit = 120

    /// One name for each output, all different: letters, digits, `.`, `_` and `-` stay, anything else becomes `_`.
    public static func names(for outputs: [String]) -> [String] {
        var taken: Set<String> = []
        return outputs.enumerated().map { index, output in
            var stem = String(output.map { isSafe($0) ? $0 : "_" }.prefix(lengthLimit))
            if stem.first == "." { stem = "_" + stem.dropFirst() }
            if stem.isEmpty { stem = "output_\(index)" }
            var name = stem
            var number = 2
            // Some file systems do not tell upper case from lower.
            while !taken.insert(name.lowercased()).inserted {
                name = "\(stem)-\(number)"
                number += 1
            }
            return name + ".npy"
        }
    }

    private static func isSafe(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
    }
}
