import FleetModel
import FleetWire
import Testing

@Suite struct TopicTests {
    static let device = DeviceID(unchecked: "s1R")
    static let digest = WireSamples.release
    static let all: [Topic] = [
        .presence(device), .reported(device), .need(device), .renew(device), .certificate(device), .report(device),
        .sample(device), .log(device), .response(device),
        .desired(device), .ack(device), .command(device), .roles, .time, .refused, .release(digest), .blobMap(digest),
        .fetch(device), .ownBlobMap(device, digest), .ownChunk(device, digest, page: 3, index: 4),
        .chunk(digest, page: 0, index: 0), .chunk(digest, page: 12, index: 15),
    ]

    @Test("every topic is read back from its text", arguments: all)
    func roundTrip(topic: Topic) throws {
        #expect(topic.text.hasPrefix("martlet/v1/"))
        #expect(try Topic(parsing: topic.text) == topic)
        let topics = Topics(prefix: "plant/7")
        #expect(try topics.parse(topics.text(topic)) == topic)
        #expect(throws: WireError.self) { try topics.parse(topic.text) }
    }

    @Test("the texts are those of the protocol")
    func texts() {
        #expect(Topic.desired(Self.device).text == "martlet/v1/dev/s1R/dn/desired")
        #expect(Topic.response(Self.device).text == "martlet/v1/dev/s1R/up/rsp")
        #expect(Topic.chunk(Self.digest, page: 2, index: 5).text == "martlet/v1/blob/\(Self.digest.hex)/c/2/5")
        #expect(Topics(prefix: "").text(.roles) == "trust/roles")
        #expect(Topics().page(Self.digest, 3) == "martlet/v1/blob/\(Self.digest.hex)/c/3/+")
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "martlet/v1/", "martlet/v1/dev/s1R/up", "martlet/v1/dev/s1R/up/", "martlet/v1/dev//up/report",
            "martlet/v1/dev/s1R/dn/blob/\(digest.hex)", "martlet/v1/dev/s1R/up/blob/\(digest.hex)/m",
            "martlet/v1/dev/s1R/dn/release/\(digest.hex)", "martlet/v1/dev/s1R/dn/blob/\(digest.hex)/c/0/x",
            "martlet/v1/dev/s1R/dn/report", "martlet/v1/dev/s1R/dn/log", "martlet/v1/dev/s1R/up/log/x",
            "martlet/v1/dev/s1R/up/desired", "martlet/v1/dev/s 1/up/report",
            "martlet/v1/dev/+/up/report", "martlet/v1/trust/other", "martlet/v1/release/abc", "martlet/v2/trust/roles",
            "martlet/v1/blob/\(digest.hex.uppercased())/m", "martlet/v1/blob/\(digest.hex)/c/0",
            "martlet/v1/blob/\(digest.hex)/c/+1/0", "martlet/v1/blob/\(digest.hex)/c/00/0",
            "martlet/v1/blob/\(digest.hex)/c/-1/0", "martlet/v1/blob/\(digest.hex)/c/99999999/0",
            "martlet/v1/blob/\(digest.hex)/x", "martlet/v1/blob/\(digest.hex)/m/", "martlet/v1/trust/roles/",
            "martlet/v1/trust", "martlet/v1/security", "martlet/v1/security/other", "martlet/v1/security/refused/x",
            "martlet/v1/blob/\(digest.hex)/c/0/", "martlet/v1/blob/\(digest.hex)/c/0/1/2",
            "martlet/v1/dev/s1R/dn/cmd/x", "martlet/v1/dev/s1R/up/report" + String(repeating: "x", count: 300),
        ])
    func refused(text: String) {
        let error = #expect(throws: WireError.self) { try Topic(parsing: text) }
        #expect(error?.code == .unknownTopic)
    }
}
