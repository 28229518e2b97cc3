public import FleetModel
import FleetStore
import Foundation
import GRDB

/// Devices: making, tagging, revoking and finding them.
public struct DeviceService: Sendable {
    let context: ControllerContext
    let pki: any DevicePKI
    /// Called after something changed that a device must be told.
    let deliver: @Sendable () -> Void

    /// Makes a device: its certificate and keys, its place in the fleet.
    ///
    /// - Returns: The files of its identity. They hold private keys and are not kept here.
    public func provision(_ request: DeviceRequest, by caller: Identity) async throws -> IssuedIdentity {
        try caller.require(.operator, for: "devices.provision")
        try Self.check(tags: request.tags)
        guard try await context.read({ try !DeviceRecord.exists($0, key: request.id) }) else {
            throw ControllerError(.conflict, "device '\(request.id)' exists", hint: "choose another id or revoke it")
        }
        let root = try await context.read { try TrustRows.roots($0).first { $0.revokedAt == nil } }
        let issued = try pki.issue(request.id).bound(to: request.tags).pinning(root)
        let policy = context.configuration.devicePolicy
        try await context.perform(
            Command("devices.provision", by: caller, role: .operator, subject: request.id)
        ) { database, scope in
            guard try DeviceRecord.fetchCount(database) < ControllerLimits.devices else {
                throw ControllerError(.limitReached, "a controller has at most \(ControllerLimits.devices) devices")
            }
            if let station = request.station, try StationRecord.fetchOne(database, key: station) == nil {
                try StationRecord(id: station, createdAt: scope.now).insert(database)
            }
            try DeviceRecord(
                id: request.id, station: request.station, hardware: request.hardware,
                signingKey: Data(issued.signingKey), certificateSerial: issued.certificateSerial, createdAt: scope.now
            ).insert(database)
            try DeviceQueries.replaceTags(database, of: request.id, with: request.tags)
            try DesiredDocument.refresh(database, request.id, fallback: policy)
            scope.detail = ["serial": issued.certificateSerial, "hardware": request.hardware]
            var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy)
            try engine.deviceJoined(request.id)
            scope.changes = engine.effects.changes + [ChangeEvent(.device, request.id)]
        }
        deliver()
        return issued
    }

    /// Replaces a device's tags.
    public func setTags(_ id: DeviceID, _ tags: [String: String], by caller: Identity) async throws {
        try Self.check(tags: tags)
        let policy = context.configuration.devicePolicy
        try await context.perform(Command("devices.setTags", by: caller, role: .operator, subject: id)) {
            database, scope in
            guard try DeviceRecord.exists(database, key: id) else { throw ControllerError.notFound("device", id) }
            try DeviceQueries.replaceTags(database, of: id, with: tags)
            try DesiredDocument.refresh(database, id, fallback: policy)
            scope.detail = tags
            var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy)
            try engine.deviceJoined(id)
            scope.changes = engine.effects.changes + [ChangeEvent(.device, id)]
        }
        deliver()
    }

    /// Ends a device: its certificate, and everything that it still sends.
    public func revoke(_ id: DeviceID, reason: String, by caller: Identity) async throws {
        let policy = context.configuration.devicePolicy
        let serial = try await context.perform(
            Command("devices.revoke", by: caller, role: .operator, subject: id, reason: reason)
        ) { database, scope -> String? in
            guard var device = try DeviceRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("device", id)
            }
            device.revokedAt = device.revokedAt ?? scope.now
            device.online = false
            try device.update(database)
            var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy)
            try engine.deviceRemoved(id)
            scope.changes = engine.effects.changes + [ChangeEvent(.device, id)]
            return device.certificateSerial
        }
        try pki.revoke(id, serial: serial)
    }

    private static func check(tags: [String: String]) throws(ControllerError) {
        guard tags.count <= ControllerLimits.tags else {
            throw ControllerError(.limitReached, "a device has at most \(ControllerLimits.tags) tags")
        }
        for (key, value) in tags {
            let isPlain = (key + value).allSatisfy { !",=!|*".contains($0) && !$0.isNewline }
            let fits = [key, value].allSatisfy { (1...ControllerLimits.tagCharacters).contains($0.count) }
            guard isPlain, fits, key != "id" else {
                throw ControllerError(
                    .invalid, "'\(key)=\(value)' is no tag",
                    hint: "1 to \(ControllerLimits.tagCharacters) characters without , = ! | * on each side; not 'id'")
            }
        }
    }
}
