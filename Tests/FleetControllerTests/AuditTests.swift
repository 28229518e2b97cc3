import FleetModel
import FleetStore
import GRDB
import Testing

@testable import FleetController

@Suite("Audit")
struct AuditTests {
    @Test("every command leaves an entry in its own transaction, with who and what")
    func entries() async throws {
        let fleet = try await TestFleet()
        try await fleet.makeDevices(["d1"])
        let entry = try #require(try await fleet.read { try AuditEntryRecord.fetchOne($0) })
        #expect(entry.number == 1)
        #expect(entry.identity == "alice")
        #expect(entry.command == "devices.provision")
        #expect(entry.subject == "d1")
        #expect(entry.at == fleet.clock.now)
    }

    @Test("a refused command leaves neither change nor entry")
    func refused() async throws {
        let fleet = try await TestFleet()
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.devices.provision(
                DeviceRequest(id: DeviceID(unchecked: "d1")), by: TestFleet.viewer)
        }
        #expect(error?.code == .forbidden)
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.releases.reject(
                ReleaseName(unchecked: "none"), reason: "", by: TestFleet.bob)
        }
        let counts = try await fleet.read { (try AuditEntryRecord.fetchCount($0), try DeviceRecord.fetchCount($0)) }
        #expect(counts == (0, 0))
    }

    @Test(
        "the chain shows any tampering",
        arguments: [
            ("UPDATE audit_entry SET identity = 'mallory' WHERE number = 2", Int64(2)),
            ("UPDATE audit_entry SET reason = 'x' WHERE number = 1", 1),
            ("DELETE FROM audit_entry WHERE number = 2", 2),
            ("UPDATE audit_entry SET at = at + 1 WHERE number = 3", 3),
        ])
    func tampering(sql: String, number: Int64) async throws {
        let fleet = try await TestFleet()
        try await fleet.makeDevices(["d1", "d2", "d3"])
        #expect(try await fleet.controller.audit.firstBroken() == nil)
        try await fleet.controller.store.database.write { try $0.execute(sql: sql) }
        #expect(try await fleet.controller.audit.firstBroken() == number)
    }
}

@Suite("Tokens")
struct TokenTests {
    @Test("a token says who sent it; its text is kept nowhere")
    func roundTrip() async throws {
        let fleet = try await TestFleet()
        let token = try await fleet.controller.tokens.create(identity: "anna", role: .annotator, by: .local)
        #expect(token.text.hasPrefix("mrt_"))
        #expect(try await fleet.controller.tokens.authenticate(token.text) == Identity(name: "anna", role: .annotator))
        let rows = try await fleet.read { try Row.fetchAll($0, sql: "SELECT * FROM token").map(\.description) }
        #expect(!rows.joined().contains(token.text.dropFirst(4)))
    }

    @Test("an expired, a revoked and an unknown token are refused alike", arguments: ["expired", "revoked", "unknown"])
    func refused(_ kind: String) async throws {
        let fleet = try await TestFleet()
        let tokens = fleet.controller.tokens
        let token = try await tokens.create(
            identity: "anna", role: .viewer, expiresAt: fleet.clock.now.advanced(by: .seconds(60)), by: .local)
        switch kind {
        case "expired": fleet.clock.advance(.seconds(60))
        case "revoked": try await tokens.revoke(try #require(token.record.id), by: .local)
        default: break
        }
        let text = kind == "unknown" ? "mrt_x" : token.text
        let error = await #expect(throws: ControllerError.self) { try await tokens.authenticate(text) }
        #expect(error?.code == .unauthenticated)
    }

    @Test("the first admin is made once")
    func firstAdmin() async throws {
        let fleet = try await TestFleet()
        #expect(try await fleet.controller.tokens.makeFirstAdmin { _ in }?.record.role == .admin)
        #expect(try await fleet.controller.tokens.makeFirstAdmin { _ in } == nil)
    }

    @Test(
        "a first start that ends before the token exists leaves a text that opens nothing, and the next makes another")
    func firstAdminCutOff() async throws {
        struct Killed: Error {}
        let fleet = try await TestFleet()
        let tokens = fleet.controller.tokens
        var kept: [String] = []
        // Killed right after the file was written: nothing is committed yet.
        await #expect(throws: Killed.self) {
            try await tokens.makeFirstAdmin {
                kept.append($0)
                throw Killed()
            }
        }
        #expect(try await fleet.read { try TokenRecord.fetchCount($0) } == 0)
        _ = try await tokens.makeFirstAdmin { kept.append($0) }
        #expect(kept.count == 2)
        #expect(try await tokens.authenticate(kept[1]).role == .admin)
        await #expect(throws: ControllerError.self) { try await tokens.authenticate(kept[0]) }
    }
}
