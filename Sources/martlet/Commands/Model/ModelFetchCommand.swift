import ArgumentParser
import FleetClient
import FleetModel
import Foundation
import ModelTools
import ONNXFormat

extension ModelCommand {
    /// `martlet model fetch`: a version's ONNX file.
    struct Fetch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fetch a version's ONNX file from the controller.",
            discussion: """
                A version that Martlet trained is normalised outside of its graph, by the device. The file that is \
                written has the normalisation inside, so that it takes frames as they are stored: other tools can run \
                it, and what `martlet model quantize` makes of it can be pushed.

                  martlet model fetch shoulder:1 --output shoulder.onnx
                  martlet dataset export shoulder:1 --out frames.tar
                  martlet model quantize shoulder.onnx --data frames.tar --output int8.onnx
                  martlet model push shoulder int8.onnx --lineage quantized=shoulder:1
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The version, such as shoulder:1.") var version: String
        @Option(help: "The ONNX file to write.") var output: String
        @Flag(help: "Write the file as it is stored, without the normalisation.") var stored = false

        func run() async throws {
            try await client.run { api in
                let served = try await ServedVersion.fetch(try Arguments.version(version), api)
                try LocalModel.run {
                    let bytes = stored ? served.onnx : try served.selfContained().serialized()
                    try ToolFile.write(bytes, to: output)
                    let inside = stored || served.offset.isEmpty ? "" : " with its normalisation inside"
                    print("wrote \(bytes.count) bytes to \(output): \(served.name)\(inside)")
                }
            }
        }
    }
}

/// Versions on the controller.
enum ServedVersion {
    /// A version's model with what a device does before it.
    static func fetch(_ id: VersionID, _ api: FleetClient) async throws -> ReplayVersion {
        let path = "/api/v1/models/\(id.model)/versions/\(id.number)"
        let document = try await api.get(path)
        let normalisation = document["normalisation"]
        return ReplayVersion(
            name: id.description, onnx: try await api.download(path + "/onnx"),
            classes: document["classes"].array.compactMap(\.string),
            offset: normalisation["offset"].array.compactMap { $0.number.map { Float($0) } },
            scale: normalisation["scale"].array.compactMap { $0.number.map { Float($0) } },
            isImage: document["input"]["kind"].string == "image")
    }
}
