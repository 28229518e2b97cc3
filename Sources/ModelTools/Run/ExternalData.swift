import Foundation
import ONNXFormat

/// Weights that an ONNX file keeps in files beside it (`TensorProto.data_location = EXTERNAL`), as PyTorch's exporter
/// writes them unless it is told otherwise.
struct ExternalData {
    private let folder: String

    /// The data that belongs to an ONNX file.
    init(fileAt path: String) { folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

    /// The model with its weights inside.
    ///
    /// - Throws: ``ModelToolsError`` for a file that is missing, too short or outside of the folder.
    func inlined(_ model: ONNXModel) throws(ModelToolsError) -> ONNXModel {
        var model = model
        try fill(&model.graph)
        return model
    }

    private func fill(_ graph: inout ONNXGraph) throws(ModelToolsError) {
        for index in graph.initializers.indices { try fill(&graph.initializers[index]) }
        for node in graph.nodes.indices {
            for index in graph.nodes[node].attributes.indices { try fill(&graph.nodes[node].attributes[index].value) }
        }
    }

    private func fill(_ value: inout ONNXAttribute.Value) throws(ModelToolsError) {
        switch value {
        case .tensor(var tensor):
            try fill(&tensor)
            value = .tensor(tensor)
        case .tensors(var tensors):
            for index in tensors.indices { try fill(&tensors[index]) }
            value = .tensors(tensors)
        case .graph(var graph):
            try fill(&graph)
            value = .graph(graph)
        case .graphs(var graphs):
            for index in graphs.indices { try fill(&graphs[index]) }
            value = .graphs(graphs)
        default: return
        }
    }

    private func fill(_ tensor: inout ONNXTensor) throws(ModelToolsError) {
        guard case .external(let entries) = tensor.content else { return }
        func entry(_ key: String) -> String? { entries.last { $0.key == key }?.value }
        guard let location = entry("location"), !location.isEmpty, !location.hasPrefix("/"),
            !location.split(separator: "/").contains("..")
        else {
            throw ModelToolsError(
                .load, "the weights \"\(tensor.name)\" name no file in the folder of the model: save it as one file")
        }
        let offset = entry("offset").map { UInt64($0) } ?? 0
        let stated = entry("length").map { Int($0) }
        guard let offset, let elements = tensor.elementCount, elements <= ToolFile.byteLimit / 8 else {
            throw ModelToolsError(.load, "the weights \"\(tensor.name)\" have an offset or a size that does not fit")
        }
        let count = (elements * tensor.elementType.bitWidth + 7) / 8
        guard stated == nil || stated == .some(count) else {
            throw ModelToolsError(.load, "the weights \"\(tensor.name)\" have a length that does not fit")
        }
        let bytes = try read(
            "\(folder)/\(location)", from: offset, count: count)
        tensor.content = .raw(bytes)
        do throws(ONNXError) {
            try tensor.check()
        } catch {
            throw ModelToolsError(.load, "\(location) is too short: \(error)")
        }
    }

    private func read(_ path: String, from offset: UInt64, count: Int) throws(ModelToolsError) -> [UInt8] {
        let handle = try ToolFile.open(path)
        defer { try? handle.close() }
        do {
            try handle.seek(toOffset: offset)
            return [UInt8](try handle.read(upToCount: count) ?? Data())
        } catch {
            throw ModelToolsError(.file, "\(path) cannot be read: \(error.localizedDescription)")
        }
    }
}
