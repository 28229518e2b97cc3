public import Foundation
public import ONNXFormat

/// A case in the layout of ONNX's backend test suite: `model.onnx` beside `test_data_set_N/{input,output}_M.pb`.
public struct CaseFolder: Hashable, Sendable {
    /// The inputs of one data set and what should come out, each in the model's order.
    public struct DataSet: Hashable, Sendable {
        /// What goes in.
        public var inputs: [ONNXTensor]
        /// What comes out.
        public var outputs: [ONNXTensor]
    }

    /// The most cases that a folder is searched for.
    public static let maximumCases = 100_000
    /// The most data sets of a case, and tensors of a data set.
    public static let maximumFiles = 1024

    /// Where it lies.
    public let url: URL

    /// The name of the folder.
    public var name: String { url.lastPathComponent }

    /// The cases in `folder`: itself when it holds a `model.onnx`, else those of its subfolders that do, by name.
    ///
    /// - Throws: ``ModelToolsError`` `file` when there is none, or more than ``maximumCases``.
    public static func cases(in folder: URL) throws(ModelToolsError) -> [CaseFolder] {
        if holdsModel(folder) { return [CaseFolder(url: folder)] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        } catch {
            throw ModelToolsError(.file, "\(folder.path) is no folder that can be read")
        }
        guard names.count <= maximumCases else {
            throw ModelToolsError(.file, "\(folder.path) holds more than \(maximumCases) entries; split it")
        }
        let cases = names.sorted().map { folder.appending(path: $0) }.filter(holdsModel)
        guard !cases.isEmpty else {
            throw ModelToolsError(.file, "neither \(folder.path) nor a folder in it holds a model.onnx")
        }
        return cases.map(CaseFolder.init)
    }

    private static func holdsModel(_ folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: "model.onnx").path)
    }

    /// The model.
    public func model() throws(ModelToolsError) -> ONNXModel {
        do throws(ONNXError) {
            return try ONNXModel(parsing: try Self.bytes(of: url.appending(path: "model.onnx")))
        } catch {
            throw ModelToolsError(.format, "model.onnx: \(error.description)")
        }
    }

    /// The data sets `test_data_set_0`, `test_data_set_1` and so on.
    ///
    /// - Throws: ``ModelToolsError`` when there is none, or a file is no tensor.
    public func dataSets() throws(ModelToolsError) -> [DataSet] {
        var sets: [DataSet] = []
        for number in 0..<Self.maximumFiles {
            let folder = url.appending(path: "test_data_set_\(number)")
            guard FileManager.default.fileExists(atPath: folder.path) else { break }
            sets.append(
                DataSet(
                    inputs: try Self.tensors("input", in: folder), outputs: try Self.tensors("output", in: folder)))
        }
        guard !sets.isEmpty else { throw ModelToolsError(.file, "\(name) has no folder test_data_set_0") }
        return sets
    }

    private static func tensors(_ role: String, in folder: URL) throws(ModelToolsError) -> [ONNXTensor] {
        var tensors: [ONNXTensor] = []
        for number in 0..<maximumFiles {
            let file = folder.appending(path: "\(role)_\(number).pb")
            guard FileManager.default.fileExists(atPath: file.path) else { break }
            do throws(ONNXError) {
                tensors.append(try ONNXTensor(parsing: try bytes(of: file)))
            } catch {
                throw ModelToolsError(.format, "\(folder.lastPathComponent)/\(role)_\(number).pb: \(error.description)")
            }
        }
        return tensors
    }

    /// The bytes of a file.
    private static func bytes(of file: URL) throws(ONNXError) -> [UInt8] {
        guard let data = try? Data(contentsOf: file) else {
            throw ONNXError(.missing, "\(file.path) cannot be read")
        }
        return Array(data)
    }
}
