import FleetModel
import FleetStore
import Foundation
import ONNXFormat
import Testing

@testable import FleetController

@Suite("versions that somebody pushed")
struct VersionDescriptionTests {
    private let olga = LearningFleet.operatorIdentity

    /// A version that was pushed as a file: here one that a training run made before, with one weight moved.
    private func pushed(_ fleet: LearningFleet) async throws -> VersionID {
        try await fleet.importFrames()
        let run = try await fleet.finish(try await fleet.controller.training.start(fleet.request(), by: olga).id)
        let trained = VersionID(model: LearningFleet.model, number: try #require(run.number))
        var model = try ONNXModel(parsing: try await fleet.controller.models.onnx(trained))
        let position = try #require(model.graph.initializers.firstIndex { $0.elementType == .float })
        let tensor = model.graph.initializers[position]
        var weights = try tensor.floats()
        weights[0] += 0.01
        model.graph.initializers[position] = ONNXTensor(name: tensor.name, dims: tensor.dims, floats: weights)
        return try await fleet.controller.models.push(LearningFleet.model, onnx: model.serialized(), by: olga).id
    }

    @Test("a pushed version is released once a dataset version describes it")
    func described() async throws {
        let fleet = try LearningFleet()
        let version = try await pushed(fleet)
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.releases.create(ReleaseRequest(versions: [.main: version]), by: olga)
        }
        let part = try await fleet.controller.training.describe(version, dataset: "d", datasetVersion: 1, by: olga)
        #expect(part.thresholds.derivedFrom == version)
        #expect(part.normalisation.scale.allSatisfy { $0 == 1 })
        #expect(part.normalisation.offset.allSatisfy { $0 == 0 })
        #expect(!part.baseline.predictions.driftThreshold.isFinite)
        #expect(part.baseline.predictions.counts.reduce(0, +) > 0)
        let release = try await fleet.controller.releases.create(
            ReleaseRequest(versions: [.main: version]), by: olga)
        #expect(release.record.stage == .candidate)
    }

    @Test("the same model twice is told, not numbered again")
    func twice() async throws {
        let fleet = try LearningFleet()
        let version = try await pushed(fleet)
        let onnx = try await fleet.controller.models.onnx(version)
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.models.push(LearningFleet.model, onnx: onnx, by: olga)
        }
        #expect(error?.message.contains("\(version)") == true)
    }

    @Test("what does not exist and who may not are refused")
    func refused() async throws {
        let fleet = try LearningFleet()
        let version = try await pushed(fleet)
        let absent = VersionID(model: LearningFleet.model, number: 99)
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.training.describe(absent, dataset: "d", datasetVersion: 1, by: olga)
        }
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.training.describe(version, dataset: "x", datasetVersion: 1, by: olga)
        }
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.training.describe(
                version, dataset: "d", datasetVersion: 1, by: Identity(name: "v", role: .viewer))
        }
    }
}
