import FleetModel
import FleetStore
import FleetWire
import GRDB
import Testing

@testable import FleetController

@Suite("Logs of devices")
struct DeviceLogTests {
    let fleet: TestFleet
    let broker = FakeBroker()
    let device: DeviceID

    init() async throws {
        fleet = try await TestFleet { $0.retention.deviceLogs = .days(1) }
        device = try await fleet.makeDevices(["d1"])[0]
    }

    private func log(_ sequence: UInt64, _ texts: [String], dropped: UInt64 = 0, boot: String = "b1") -> DeviceLog {
        DeviceLog(
            boot: boot, sequence: sequence, dropped: dropped,
            lines: texts.map { LogLine(time: .epoch, severity: .problem, count: 2, saying: $0) })
    }

    private func ingest(_ log: DeviceLog) async { await fleet.ingest([(.log(device), log.encoded())], broker: broker) }

    private func texts() async throws -> [String] {
        try await fleet.controller.store.queries.log(of: device, limit: 10_000).items.map(\.text)
    }

    private func acks() throws -> [Ack] {
        try broker.published.filter { $0.topic == .ack(device) }.map { try Ack(decoding: $0.payload) }
    }

    @Test("a message that comes three times is stored once, acknowledged each time, and read newest first")
    func once() async throws {
        for _ in 0..<3 { await ingest(log(1, ["a", "b"], dropped: 5)) }
        await ingest(log(3, ["c"]))
        #expect(try await texts() == ["c", "b", "a"])
        let rows = try await fleet.read { try DeviceLogRecord.order(Column("id")).fetchAll($0) }
        #expect(rows.map(\.dropped) == [5, 0, 0] && rows.map(\.count) == [2, 2, 2])
        let first = StreamAck(stream: .log, highest: 1, holes: [])
        #expect(try acks().prefix(3).map(\.streams) == [[first], [first], [first]])
        #expect(try acks().last?.streams == [StreamAck(stream: .log, highest: 3, holes: [2..<3])])
        await ingest(log(2, ["between"]))
        #expect(try acks().last?.streams == [StreamAck(stream: .log, highest: 3, holes: [])])
        let page = try await fleet.controller.store.queries.log(of: device, limit: 2)
        #expect(page.items.map(\.text) == ["between", "c"])
        let next = try await fleet.controller.store.queries.log(
            of: device, before: page.next.flatMap { Int64($0) }, limit: 9)
        #expect(next.items.map(\.text) == ["b", "a"] && next.next == nil)
    }

    @Test("a log says nothing of a release: it is taken from a device that runs none, and not from strangers")
    func strangers() async throws {
        await fleet.ingest([(.log(try DeviceID("stranger")), log(1, ["x"]).encoded())], broker: broker)
        try await fleet.controller.devices.revoke(device, reason: "stolen", by: TestFleet.alice)
        await ingest(log(1, ["x"]))
        #expect(try await fleet.read { try DeviceLogRecord.fetchCount($0) } == 0)
        #expect(try acks().isEmpty)
    }

    @Test(
        "what is no log is refused whole and does no harm to what comes with it",
        arguments: ["rubbish", "oversized", "control", "report"])
    func hostile(_ kind: String) async throws {
        let payload: [UInt8]
        switch kind {
        case "rubbish": payload = [0xFF, 0x00]
        case "oversized": payload = [UInt8](repeating: 0, count: DeviceLog.byteLimit + 1)
        case "control":
            // "ab" becomes an escape sequence on its way.
            let bytes = log(1, ["xab"]).encoded()
            payload = bytes.map { $0 == UInt8(ascii: "x") ? 0x1B : $0 }
        default: payload = try TestFleet.report(try await fleet.approvedRelease()).encoded()
        }
        await fleet.ingest([(.log(device), payload), (.log(device), log(2, ["good"]).encoded())], broker: broker)
        #expect(try await texts() == ["good"])
        #expect(try await fleet.controller.store.queries.openAlerts()[.ingest] == 1)
    }

    @Test("of each device the newest lines are kept, so many, and one that says much takes nothing from another")
    func bounds() async throws {
        let other = try await fleet.makeDevices(["d2"])[0]
        await fleet.ingest([(.log(other), log(1, ["quiet"]).encoded())], broker: broker)
        let texts = (0..<WireLimits.logLines).map { "line \($0)" }
        let messages = DeviceLog.linesKept / WireLimits.logLines + 5
        for sequence in 1...UInt64(messages) { await ingest(log(sequence, texts.map { "\(sequence) \($0)" })) }
        let kept = try await self.texts()
        #expect(kept.count == DeviceLog.linesKept)
        #expect(kept.first == "\(messages) line \(WireLimits.logLines - 1)")
        #expect(try await fleet.controller.store.queries.log(of: other, limit: 5).items.count == 1)
    }

    @Test("old lines go, and a message that comes again is still a duplicate")
    func retention() async throws {
        await ingest(log(1, ["old"]))
        fleet.clock.advance(.minutes(25 * 60))
        await ingest(log(2, ["new"]))
        try await Housekeeping(context: fleet.controller.context).retire()
        #expect(try await texts() == ["new"])
        await ingest(log(1, ["old"]))
        #expect(try await texts() == ["new"])
    }
}
