import FleetModel
import FleetStore
import FleetWire
import GRDB
import Testing

@testable import FleetController

@Suite("Samples and their labels")
struct LabellingTests {
    let fleet: TestFleet
    let release: ReleaseDetail
    let devices: [DeviceID]

    init() async throws {
        fleet = try await TestFleet()
        devices = try await fleet.makeDevices(["d1", "d2"])
        release = try await fleet.approvedRelease()
    }

    private func send(_ device: DeviceID, _ values: [[Float]]) async throws {
        for (index, frame) in values.enumerated() {
            let sample = try TestFleet.sample(release, sequence: UInt64(index + 1), values: frame)
            await fleet.ingest([(.sample(device), sample.encoded())])
        }
    }

    @Test("labels go to drifted devices first, then to the others by their share, until nothing is left")
    func queue() async throws {
        try await send(devices[0], (0..<20).map { [Float($0), 0, 0, 0] })
        try await send(devices[1], (0..<20).map { [Float($0), 1, 0, 0] })
        try await fleet.controller.alerts.open(
            AlertCondition(
                fingerprint: "drift/d1/main", kind: .drift, severity: .warning, subject: "d1", title: "", reason: "",
                action: ""))
        var labelled: [DeviceID: Int] = [:]
        for step in 1...40 {
            let sample = try #require(try await fleet.controller.samples.next())
            _ = try await fleet.controller.samples.annotate(
                try #require(sample.id), verdict: .class, className: "PEN", by: TestFleet.bob)
            labelled[sample.device, default: 0] += 1
            if step == 20 { #expect(labelled == [devices[0]: 16, devices[1]: 4]) }
        }
        #expect(labelled == [devices[0]: 20, devices[1]: 20])
        #expect(try await fleet.controller.samples.next() == nil)
    }

    @Test("a frame that equals an annotated one is not asked for again")
    func equalFrames() async throws {
        try await send(devices[0], [[1, 2, 3, 4], [1, 2, 3, 4]])
        let sample = try #require(try await fleet.controller.samples.next())
        _ = try await fleet.controller.samples.annotate(sample.id ?? 0, verdict: .unusable, by: TestFleet.bob)
        #expect(try await fleet.controller.samples.next() == nil)
    }

    @Test("a sample that was put off is skipped")
    func skipping() async throws {
        try await send(devices[0], [[1, 2, 3, 4]])
        #expect(try await fleet.controller.samples.next(skipping: [1]) == nil)
    }

    @Test("history is kept and the latest verdict counts")
    func history() async throws {
        try await send(devices[0], [[1, 2, 3, 4]])
        let samples = fleet.controller.samples
        _ = try await samples.annotate(1, verdict: .class, className: "PEN", seconds: 2, by: TestFleet.bob)
        _ = try await samples.annotate(1, verdict: .class, className: "ABD", seconds: 1, by: TestFleet.bob)
        let (sample, count) = try await fleet.read {
            (try SampleRecord.fetchOne($0, key: 1), try AnnotationRecord.fetchCount($0))
        }
        #expect(sample?.verdictClass == "ABD")
        #expect(count == 2)
    }

    @Test("an annotation can be withdrawn by its author or an operator: the one before counts again, and all is kept")
    func withdrawing() async throws {
        try await send(devices[0], [[1, 2, 3, 4]])
        let samples = fleet.controller.samples
        let anna = Identity(name: "anna", role: .annotator)
        _ = try await samples.annotate(1, verdict: .class, className: "PEN", by: anna)
        _ = try await samples.annotate(1, verdict: .unusable, by: anna)
        #expect(try await samples.withdraw(1, by: anna).verdictClass == "PEN")
        let error = await #expect(throws: ControllerError.self) {
            try await samples.withdraw(1, by: Identity(name: "otto", role: .annotator))
        }
        #expect(error?.code == .forbidden)
        #expect(try await samples.withdraw(1, by: TestFleet.alice).verdict == nil)
        #expect(try await samples.next()?.id == 1)
        let none = await #expect(throws: ControllerError.self) { try await samples.withdraw(1, by: anna) }
        #expect(none?.code == .wrongState)
        let (annotations, audit) = try await fleet.read {
            (
                try AnnotationRecord.fetchAll($0),
                try String.fetchAll($0, sql: "SELECT command FROM audit_entry WHERE subject = '1' ORDER BY number")
            )
        }
        #expect(annotations.count == 2)
        #expect(annotations.allSatisfy { $0.withdrawnAt != nil })
        #expect(
            audit.filter { $0.hasPrefix("samples.") }.map { $0.dropFirst(8) } == [
                "annotate", "annotate", "withdraw", "withdraw",
            ])
    }

    @Test(
        "a verdict that makes no sense is refused",
        arguments: [
            (AnnotationVerdict.class, "XYZ" as String?, 1.0), (.class, nil, 1), (.unusable, "PEN", 1),
            (.class, "PEN", -1),
        ])
    func badVerdict(_ verdict: AnnotationVerdict, _ name: String?, _ seconds: Double) async throws {
        try await send(devices[0], [[1, 2, 3, 4]])
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.samples.annotate(
                1, verdict: verdict, className: name, seconds: seconds, by: TestFleet.bob)
        }
        #expect(error?.code == .invalid)
    }
}

@Suite("Datasets")
struct DatasetTests {
    let fleet: TestFleet

    init() async throws {
        fleet = try await TestFleet()
        _ = try await fleet.controller.datasets.create(
            "moves", input: TestFleet.input, classes: TestFleet.classes, by: TestFleet.alice)
    }

    private func frames(_ count: Int, device: String = "s1") throws -> [ImportedFrame] {
        try (0..<count).map { index in
            ImportedFrame(
                device: try DeviceID(device), tags: ["side": index.isMultiple(of: 2) ? "L" : "R"],
                className: TestFleet.classes[index % 2], values: [Float(index), 0, 0, 0])
        }
    }

    @Test("importing twice adds nothing")
    func importing() async throws {
        let frames = try frames(1200)
        let datasets = fleet.controller.datasets
        #expect(
            try await datasets.import("moves", frames: frames, by: TestFleet.alice)
                == ImportResult(added: 1200, known: 0))
        #expect(
            try await datasets.import("moves", frames: frames, by: TestFleet.alice)
                == ImportResult(added: 0, known: 1200))
    }

    @Test("a cut is immutable, named by its content, and holds what the selector picks")
    func cutting() async throws {
        let datasets = fleet.controller.datasets
        _ = try await datasets.import("moves", frames: frames(10), by: TestFleet.alice)
        let left = try Selector("side=L")
        let first = try await datasets.cut("moves", selector: left, includeAnnotations: true, by: TestFleet.alice)
        let again = try await datasets.cut("moves", selector: left, includeAnnotations: true, by: TestFleet.alice)
        #expect(first.itemCount == 5)
        #expect((first.number, again.number) == (1, 2))
        #expect(first.digest == again.digest)
        _ = try await datasets.import("moves", frames: frames(10, device: "s2"), by: TestFleet.alice)
        let items = try await datasets.items("moves", version: 1)
        #expect(items.map(\.values.first) == [0, 2, 4, 6, 8])
        #expect(items.map(\.ordinal) == Array(0..<5))
        #expect(items.allSatisfy { $0.tags == ["side": "L"] && $0.probability == nil })
        let more = try await datasets.cut("moves", selector: left, includeAnnotations: true, by: TestFleet.alice)
        #expect(more.digest != first.digest)
        #expect(try await datasets.items("moves", version: 1, from: 3, limit: 1).map(\.ordinal) == [3])
    }

    @Test("annotated samples come in with the probability with which they were chosen; unusable ones do not")
    func annotations() async throws {
        let device = try await fleet.makeDevices(["d1"], tags: ["side": "L"])[0]
        let release = try await fleet.approvedRelease()
        for sequence in 1...3 as ClosedRange<UInt64> {
            let sample = try TestFleet.sample(release, sequence: sequence, values: [Float(sequence), 9, 9, 9])
            await fleet.ingest([(.sample(device), sample.encoded())])
        }
        _ = try await fleet.controller.samples.annotate(1, verdict: .class, className: "ABD", by: TestFleet.bob)
        _ = try await fleet.controller.samples.annotate(2, verdict: .unusable, by: TestFleet.bob)
        let version = try await fleet.controller.datasets.cut(
            "moves", includeAnnotations: true, by: TestFleet.alice)
        #expect(version.annotationCount == 1)
        let item = try #require(try await fleet.controller.datasets.items("moves", version: 1).first)
        #expect(item.className == "ABD")
        #expect(item.probability == 0.5)
        #expect(item.sample == 1)
        #expect(item.tags == ["side": "L"])
    }

    @Test("a frame of another shape or class is refused, and nothing is added")
    func badFrames() async throws {
        var wrong = try frames(3)
        wrong[2].values = [1]
        let short = wrong
        let datasets = fleet.controller.datasets
        await #expect(throws: ControllerError.self) {
            try await datasets.import("moves", frames: short, by: TestFleet.alice)
        }
        wrong = try frames(3)
        wrong[1].className = "XYZ"
        let unnamed = wrong
        let error = await #expect(throws: ControllerError.self) {
            try await datasets.import("moves", frames: unnamed, by: TestFleet.alice)
        }
        #expect(error?.message.contains("frame 1") == true)
        #expect(try await fleet.read { try DatasetFrameRecord.fetchCount($0) } == 0)
    }
}
