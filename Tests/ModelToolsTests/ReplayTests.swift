import ONNXFormat
import Testing

@testable import ModelTools

@Suite("Replaying a dataset version with two versions")
struct ReplayTests {
    /// A member of a ustar archive.
    private func entry(_ name: String, _ content: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(name, 0)
        let digits = String(content.count, radix: 8)
        put(String(repeating: "0", count: 11 - digits.count) + digits, 124)
        put("ustar", 257)
        return header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    private func archive() -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, values) in [[1, 0], [0, 1], [3, 2.5]].enumerated() {
            let stem = "0000000\(index)"
            bytes += entry("\(stem).npy", NPYArray(values.map { Float($0) }, shape: [1, 2]).encoded)
            bytes += entry("\(stem).cls", Array((index == 2 ? "-1" : "\(index)").utf8))
            bytes += entry("\(stem).json", Array(#"{"device":"d\#(index)"}"#.utf8))
        }
        return bytes + [UInt8](repeating: 0, count: 1024)
    }

    @Test("frames come out of the export, with devices and classes")
    func frames() throws {
        let frames = try DatasetArchive.frames(archive())
        #expect(frames.map(\.device) == ["d0", "d1", "d2"])
        #expect(frames.map(\.classIndex) == [0, 1, nil])
        #expect(frames[2].values == [3, 2.5] && frames[2].width == 2)
    }

    @Test("an export that is cut off or no archive is refused")
    func damaged() {
        for bytes in [Array(archive().prefix(700)), [UInt8](repeating: 65, count: 2048), entry("0.cls", [48])] {
            #expect(throws: ModelToolsError.self) { try DatasetArchive.frames(bytes) }
        }
    }

    @Test("two versions are compared frame by frame, after each one's normalisation")
    func compare() throws {
        let frames = try DatasetArchive.frames(archive())
        func version(_ name: String, offset: [Float]) throws -> ReplayVersion {
            // The model's first output is x + [1, -1], cut at zero; only that one makes a classifier.
            var model = smallModel()
            model.graph.outputs.removeLast()
            model.graph.nodes.removeLast()
            return ReplayVersion(
                name: name, onnx: model.serialized(), classes: ["a", "b"], offset: offset, scale: [1, 1], isImage: false
            )
        }
        let first = try version("m:1", offset: [0, 0]).scores(of: frames)
        let second = try version("m:2", offset: [1, -3]).scores(of: frames)
        let replay = Replay(frames, scores: (first, second), versions: ("m:1", "m:2"), classes: ["a", "b"])
        #expect(first == [[2, 0], [1, 0], [4, 1.5]])
        #expect(second == [[1, 2], [0, 3], [3, 4.5]])
        #expect(replay.first.accuracy == 0.5 && replay.second.accuracy == 0.5)
        #expect(replay.confusion == [[0, 3], [0, 0]])
        #expect(replay.changes.map(\.improved) == [false, true, nil])
        #expect(replay.agreement == 0)
        #expect(replay.description.contains("3 frames change class (1 become right, 1 become wrong)"))
    }

    @Test("a model with another number of outputs than classes is refused")
    func wrongClasses() throws {
        var model = smallModel()
        model.graph.outputs.removeLast()
        let version = ReplayVersion(
            name: "m:1", onnx: model.serialized(), classes: ["a"], offset: [], scale: [], isImage: false)
        let frames = try DatasetArchive.frames(archive())
        #expect(throws: ModelToolsError.self) { try version.scores(of: frames) }
    }

    @Test("a version with its normalisation inside gives the scores that a device gives")
    func selfContained() throws {
        let frames = try DatasetArchive.frames(archive())
        var model = smallModel()
        model.graph.outputs.removeLast()
        model.graph.nodes.removeLast()
        func version(_ onnx: [UInt8], _ offset: [Float], _ scale: [Float], isImage: Bool) -> ReplayVersion {
            ReplayVersion(
                name: "m:1", onnx: onnx, classes: ["a", "b"], offset: offset, scale: scale, isImage: isImage)
        }
        for (offset, scale, isImage) in [([0.5, -3], [2, 0.25], false), ([0.5], [2], true)]
            as [([Float], [Float], Bool)]
        {
            let outside = version(model.serialized(), offset, scale, isImage: isImage)
            let inside = version(try outside.selfContained().serialized(), [], [], isImage: isImage)
            #expect(try inside.scores(of: frames) == outside.scores(of: frames))
            #expect(try inside.selfContained().serialized() == inside.onnx)
        }
        let misfit = version(model.serialized(), [1, 2, 3], [1, 1, 1], isImage: false)
        #expect(throws: ModelToolsError.self) { try misfit.selfContained() }
    }
}
