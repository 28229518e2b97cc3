import FleetClient
import FleetModel
import FrameSource
import VirtualFleet

/// A stand-in for people who annotate: it knows the truth, and uses the API as the console does. It spends a quota of
/// verdicts for each group of devices.
struct Annotator {
    private let api: FleetClient
    private let judge: Judge
    private let classes: [String]
    private var quotas: [LoopDescription.Quota]
    private(set) var count = 0

    /// Samples asked for at once.
    private static let page = 40

    init(api: FleetClient, judge: Judge, classes: [String], quotas: [LoopDescription.Quota]) {
        self.api = api
        self.judge = judge
        self.classes = classes
        self.quotas = quotas
    }

    var isDone: Bool { quotas.allSatisfy { $0.count == 0 } }

    /// Annotates what waits, within the quotas.
    mutating func work() async throws {
        for index in quotas.indices where quotas[index].count > 0 {
            let samples = try await api.get(
                "/api/v1/samples",
                query: [
                    ("state", "open"), ("selector", quotas[index].selector.description), ("order", "random"),
                    ("limit", "\(min(Self.page, quotas[index].count))"),
                ])
            for sample in samples["items"].array {
                try await annotate(sample)
                quotas[index].count -= 1
                count += 1
            }
        }
    }

    private func annotate(_ sample: JSONValue) async throws {
        guard let device = sample["device"].string, let tag = sample["tag"].string, tag.hasPrefix("f"),
            let frame = Int(tag.dropFirst()), let truth = judge.classIndex(device: device, frame: frame)
        else { throw DemoError.cannot("annotate sample \(sample["id"].cell)", "it does not name its frame") }
        try await api.post(
            "/api/v1/samples/\(sample["id"].cell)/annotations",
            ["verdict": "class", "class": .string(classes[truth]), "seconds": 1])
    }
}
