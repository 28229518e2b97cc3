import FleetModel
import Foundation
import FrameSource
import Testing

/// The sample configurations of this repository.
let configFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("config").path

func stream(_ text: String, folder: String = configFolder) throws -> StreamDescription {
    let problems = ProblemList()
    let root = try #require(YAMLSection.root(text: text, problems: problems))
    let stream = root.section("stream", required: true).flatMap { StreamDescription($0, folder: folder) }
    guard problems.problems.isEmpty else { throw ConfigurationError(file: "test", problems: problems.problems) }
    return try #require(stream)
}

func sample(_ name: String) throws -> StreamDescription {
    try stream(String(contentsOfFile: "\(configFolder)/\(name).yaml", encoding: .utf8))
}

@Suite("Sample streams")
struct SampleStreams {
    @Test("the watch recordings give 4,677 frames of 20 devices")
    func shoulder() throws {
        let frames = try StreamReader(sample("shoulder")).frames()
        #expect(frames.count == 4677)
        let devices = Set(frames.map(\.device))
        #expect(devices.count == 20)
        #expect(devices.contains(DeviceID(unchecked: "s10L")))
        #expect(frames.allSatisfy { $0.values.count == 300 })
        #expect(Set(frames.map(\.classIndex)) == Set(0..<7))
        #expect(frames.allSatisfy { $0.tags["side"] == "L" || $0.tags["side"] == "R" })
        #expect(frames.allSatisfy { $0.values.allSatisfy { abs($0) < 40 } })
    }

    @Test("shuttle rows are dealt out in consecutive blocks")
    func shuttle() throws {
        let frames = try StreamReader(sample("shuttle")).frames()
        #expect(frames.count == 12000)
        #expect(Set(frames.map(\.device)).count == 6)
        #expect(frames[0].device == frames[1999].device)
        #expect(frames[2000].tags["number"] == "2")
        #expect(frames[0].values == [50, 21, 77, 0, 28, 0, 27, 48, 22])
        #expect(frames[0].classIndex == 1)
    }

    @Test("digits are images of 64 pixels without a header")
    func digits() throws {
        let description = try sample("digits")
        let frames = try StreamReader(description).frames()
        #expect(frames.count == 1797)
        #expect(description.frame.valueCount == 64)
        #expect(frames[0].values.max() == 15)
        #expect(Set(frames.map(\.classIndex)).count == 10)
    }
}

@Suite("Configuration mistakes")
struct ConfigurationMistakes {
    @Test("all mistakes are told at once, with their lines")
    func allAtOnce() throws {
        let text = """
            stream:
              name: x
              kind: vidio
              source: { format: csv, path: data/shuttle.csv.gz, label: anomaly }
              frame: { length: 0 }
              channels: [{ name: f1, unti: g }]
              classes: [{ label: "0" }, { label: "1" }]
              devise: "d{n}"
            """
        let error = #expect(throws: ConfigurationError.self) { try stream(text) }
        let lines = error?.problems.map { "\($0.line) \($0.key)" } ?? []
        #expect(lines.contains("3 stream.kind"))
        #expect(lines.contains("5 stream.frame.length"))
        #expect(lines.contains("6 stream.channels[0].unti"))
        #expect(lines.contains("8 stream.devise"))
        #expect(error?.description.contains("did you mean 'device'?") == true)
    }

    @Test("text that is not YAML names the line")
    func notYAML() throws {
        let problems = ProblemList()
        #expect(YAMLSection.root(text: "a: [1,\nb: }", problems: problems) == nil)
        #expect(problems.problems.count == 1)
        #expect((problems.problems.first?.line ?? 0) > 0)
    }
}

@Suite("Data files")
struct DataFiles {
    func file(_ bytes: [UInt8], _ name: String) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let url = folder.appendingPathComponent(name)
        try Data(bytes).write(to: url)
        return url.path
    }

    func rows(_ path: String) throws -> [RecordedFrame] {
        let text = """
            stream:
              name: t
              kind: table
              source: { format: csv, path: \(path), label: y }
              channels: [{ name: a }, { name: b }]
              classes: [{ label: "0" }, { label: "1" }]
              partition: { devices: 2 }
            """
        return try StreamReader(stream(text)).frames()
    }

    @Test(
        "a broken CSV file is refused with its place",
        arguments: [
            ("a,b,y\n1,2,0\n1,2\n", "row 2 has 2 fields"),
            ("a,b,y\n1,x,0\n", "row 1, column 'b': 'x' is not a number"),
            ("a,b,y\n1,2,7\n", "label '7'"),
            ("a,c,y\n1,2,0\n", "no column 'b'"),
            ("", "is empty"),
        ])
    func brokenCSV(text: String, message: String) throws {
        let path = try file(Array(text.utf8), "x.csv")
        let error = #expect(throws: FrameSourceError.self) { try rows(path) }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test("an empty field is a missing value")
    func missing() throws {
        let frames = try rows(file(Array("a,b,y\n1,,0\n\"2\",3,1\n".utf8), "x.csv"))
        #expect(frames[0].values[1].isNaN)
        #expect(frames[1].values == [2, 3])
    }

    @Test("a cut-off NumPy file is refused at any length")
    func cutNumPy() throws {
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(configFolder)/data/watch_imu_25hz.npy")))
        for length in [0, 5, 11, 40, 127, 128, 5000] {
            let path = try file(Array(whole.prefix(length)), "x.npy")
            let text = try String(contentsOfFile: "\(configFolder)/shoulder.yaml", encoding: .utf8)
                .replacing("path: data/watch_imu_25hz.npy", with: "path: \(path)")
            #expect(throws: FrameSourceError.self) { try StreamReader(stream(text)).frames() }
        }
    }

    @Test("a missing file is named")
    func absent() throws {
        let error = #expect(throws: FrameSourceError.self) { try rows("/nowhere/x.csv") }
        #expect(error?.file == "/nowhere/x.csv")
    }
}
