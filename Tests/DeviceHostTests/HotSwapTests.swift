import FleetModel
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DeviceHost

@Suite("Swapping releases under load", .serialized)
struct HotSwapTests {
    /// What one client saw.
    private struct Seen {
        var answers: [Digest: Int] = [:]
        var problems: [String] = []
    }

    @Test("requests hammer the local API through six swaps: none fails and none mixes two releases")
    func hammer() throws {
        let fleet = try TestFleet()
        let device = try TestDevice("swap", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        let host = try #require(device.host)
        let server = try LocalServer(host: host, loop: fleet.loop, address: .loopback(port: 0))
        let gains: [Float] = [1, 2, 0.5, 3, 0.25, 1.5, 2.5]
        let first = try TestRelease(version: 1, gain: gains[0])
        let releases = try gains.enumerated().map { try TestRelease(version: $0 + 1, gain: $1) }
        let gainOf = Mutex<[String: (gain: Float, image: String)]>([:])
        func know(_ digest: Digest, _ release: TestRelease) {
            let image = release.manifest.parts[0].image.digest.hex
            gainOf.withLock { $0[digest.hex] = (release.gain, image) }
        }
        know(try fleet.install(first, on: device, generation: 1), first)
        let isOver = Mutex(false)
        let seen = Mutex(Seen())
        let address = server.address
        let threads = (0..<4).map { number in
            Thread {
                Self.ask(
                    address, number, until: { isOver.withLock { $0 } },
                    gainOf: { text in
                        gainOf.withLock { $0[text] }
                    }
                ) { digest, problem in
                    seen.withLock { seen in
                        if let digest { seen.answers[digest, default: 0] += 1 }
                        if let problem, seen.problems.count < 5 { seen.problems.append(problem) }
                    }
                }
            }
        }
        for thread in threads { thread.start() }
        for (index, release) in releases.enumerated().dropFirst() {
            let digest = try fleet.controller.publish(release)
            know(digest, release)
            fleet.controller.want(digest, on: device.id, generation: UInt64(index + 1))
            eventually("version \(release.version) is committed", seconds: 20) {
                fleet.controller.receipts(device.id).last?.version.number == release.version
            }
        }
        isOver.withLock { $0 = true }
        for thread in threads { while !thread.isFinished { usleep(1000) } }
        let result = seen.withLock { $0 }
        #expect(result.problems.isEmpty, "\(result.problems)")
        #expect(result.answers.count >= 6, "answers came from \(result.answers.count) releases")
        #expect(result.answers.values.reduce(0, +) > 50)
        let images = gainOf.withLock { known in Set(known.values.map(\.image)) }
        let last = releases[releases.count - 1].manifest.parts[0].image.digest.hex
        #expect(images.count == releases.count)
        eventually("only the image that serves is mapped") { Self.mapped(images) == [last] }
        server.stop()
        device.stop()
    }

    /// Those of the images that this process has mapped. The kernel gives the file a page at a time, which Foundation
    /// takes for its end.
    private static func mapped(_ images: Set<String>) -> Set<String> {
        guard let file = fopen("/proc/self/maps", "r") else { return [] }
        defer { fclose(file) }
        var found: Set<String> = []
        var line = [CChar](repeating: 0, count: 8192)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            found.formUnion(images.filter { text.contains($0) })
        }
        return found
    }

    /// Sends batches of eight frames and checks every score against the release that the answer names.
    private static func ask(
        _ address: LocalAddress, _ number: Int, until isOver: () -> Bool,
        gainOf: (String) -> (gain: Float, image: String)?, note: (Digest?, String?) -> Void
    ) {
        guard let client = try? LocalClient(address) else { return note(nil, "no connection") }
        defer { close(client.descriptor) }
        var round = 0
        while !isOver() {
            round += 1
            let frames = (0..<8).map { [Float($0) / 4, Float(number), Float(round % 5) / 3, -1] }
            let data = frames.flatMap { $0 }.map { "\($0)" }.joined(separator: ",")
            let body = #"{"inputs":[{"name":"frame","datatype":"FP32","shape":[8,2,2],"data":[\#(data)]}]}"#
            guard let (status, value) = try? client.json("POST", "/v2/models/sign/infer", body), status == 200,
                let text = value["parameters"]?["release"]?.text, let digest = Digest(hex: text)
            else { return note(nil, "an answer is missing") }
            guard let known = gainOf(text) else { return note(nil, "an unknown release answered") }
            if value["parameters"]?["image"]?.text != known.image { note(nil, "another image than the release's") }
            let scores = value["outputs"]?.list?.first { $0["name"]?.text == "scores" }?["data"]?.list ?? []
            let expected = frames.flatMap { TestModel.scores($0, gain: known.gain) }
            guard scores.count == expected.count else { return note(nil, "\(scores.count) scores") }
            for (score, wanted) in zip(scores, expected) {
                guard case .number(let score) = score, abs(score - Double(wanted)) < 1e-4 else {
                    note(nil, "release \(digest.short) does not give \(score)")
                    break
                }
            }
            note(digest, nil)
        }
    }
}
