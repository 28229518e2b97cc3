import FleetCrypto
import FleetModel
public import FleetStore
import FleetWire
import Foundation
import GRDB

/// Programs of devices: versions of `martlet-agent`, released, signed and rolled out as models are.
public struct AgentService: Sendable {
    let context: ControllerContext

    /// Registers a program as the next version of the agent.
    ///
    /// - Parameters:
    ///   - program: the executable file, as devices are to run it: stripped.
    ///   - name: the version that it calls itself, such as `1.4.0`.
    ///   - hardware: hardware names of the devices that it runs on; at least one.
    /// - Throws: `conflict` if a version has the same program.
    public func push(
        _ program: [UInt8], name: String, hardware: [String], by caller: Identity
    ) async throws -> VersionRecord {
        try caller.require(.operator, for: "agents.push")
        try Self.check(program, name: name, hardware: hardware)
        let digest = try context.blobs.write(program)
        return try await context.perform(Command("agents.push", by: caller, role: .operator, subject: ModelName.agent))
        {
            database, scope in
            if let same = try ImageRecord.fetchOne(database, key: digest) {
                throw ControllerError(.conflict, "this is the program of \(same.version)", hint: "release that version")
            }
            let id = try ModelService.nextVersion(
                database, of: .agent, description: "The devices' own program", at: scope.now)
            try BlobRecord(digest: digest, bytes: program.count, kind: .agent, createdAt: scope.now)
                .insert(database, onConflict: .ignore)
            var record = VersionRecord(
                model: id.model, number: id.number, onnx: digest,
                description: "agent \(name) for \(hardware.joined(separator: ", "))", createdAt: scope.now,
                createdBy: caller.name)
            record.material = Data(Self.material(id, program: digest, bytes: program.count, name, hardware).encoded())
            try record.insert(database)
            try ImageRecord(
                digest: digest, model: id.model, number: id.number, bytes: program.count, arenaBytes: 0,
                createdAt: scope.now
            ).insert(database)
            scope.subject = id.description
            scope.detail = ["program": digest.hex, "version": name, "hardware": hardware.joined(separator: ",")]
            scope.changes = [ChangeEvent(.model, id.model)]
            return try ModelService.version(database, id)
        }
    }

    private static func check(_ program: [UInt8], name: String, hardware: [String]) throws {
        guard !program.isEmpty, program.count <= ControllerLimits.agentBytes else {
            throw ControllerError(
                .limitReached, "an agent has 1 to \(ControllerLimits.agentBytes) bytes, this has \(program.count)",
                hint: "strip it: scripts/build agent")
        }
        guard !name.isEmpty, name.utf8.count <= WireLimits.textBytes else {
            throw ControllerError(.invalid, "an agent's version has 1 to \(WireLimits.textBytes) bytes")
        }
        guard !hardware.isEmpty, hardware.count <= WireLimits.listItems,
            hardware.allSatisfy({ !$0.isEmpty && $0.utf8.count <= WireLimits.textBytes })
        else {
            throw ControllerError(.invalid, "an agent is for hardware that is named", hint: "such as x86_64-generic")
        }
    }

    /// What its releases are made from: a part, and the hardware that they are bound to.
    private static func material(
        _ id: VersionID, program: Digest, bytes: Int, _ name: String, _ hardware: [String]
    ) -> ReleaseManifest {
        ReleaseManifest(
            name: ReleaseName(unchecked: "material"), counter: 0, created: .epoch, expires: .epoch,
            parts: [.agent(id, name: name, program: ImageReference(digest: program, bytes: bytes, arenaBytes: 0))],
            compatibility: Compatibility(hardware: hardware))
    }

    /// Refuses a model in the agent's place, an agent in a model's, and one beside anything else.
    static func check(_ versions: [SlotName: VersionID]) throws {
        for (slot, version) in versions where (slot == .agent) != (version.model == .agent) {
            throw ControllerError(
                .invalid, "version \(version) cannot fill slot '\(slot)'",
                hint: "slot '\(SlotName.agent)' is for versions of \(ModelName.agent), and they go nowhere else")
        }
        guard versions[.agent] == nil || versions.count == 1 else {
            throw ControllerError(.invalid, "an agent is released alone", hint: "make a release of its own")
        }
    }

    /// Refuses what would make a model of the line of versions that are programs.
    static func refuse(_ model: ModelName) throws {
        guard model == .agent else { return }
        throw ControllerError(
            .invalid, "'\(ModelName.agent)' is the devices' own program and no model", hint: "martlet agent push")
    }
}
