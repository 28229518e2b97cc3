import FleetCrypto
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
        let root = try await context.read { try TrustRows.pinned($0) }
        let issued = try pki.issue(request.id).bound(to: request.tags).pinning(root)
        let policy = context.configuration.devicePolicy
        try await context.perform(
            Command("devices.provision", by: caller, role: .operator, subject: request.id)
        ) { database, scope in
            guard try DeviceRecord.fetchCount(database) < ControllerLimits.devices else {
                throw ControllerError(.limitReached, "a controller has at most \(ControllerLimits.devices) devices")
            }
            try StationRows.ensure(database, request.station, at: scope.now)
            try DeviceRecord(
                id: request.id, station: request.station, hardware: request.hardware,
                signingKey: Data(issued.signingKey), certificateSerial: issued.certificateSerial, createdAt: scope.now
            ).insert(database)
            if let expiresAt = issued.expiresAt {
                try DeviceCertificateRecord(
                    serial: issued.certificateSerial, device: request.id, issuedAt: scope.now, expiresAt: expiresAt
                ).insert(database)
            }
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

    /// Ends a device: its certificates, its session, and everything that it still sends.
    public func revoke(_ id: DeviceID, reason: String, by caller: Identity) async throws {
        let policy = context.configuration.devicePolicy
        let serials = try await context.perform(
            Command("devices.revoke", by: caller, role: .operator, subject: id, reason: reason)
        ) { database, scope -> [String] in
            guard var device = try DeviceRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("device", id)
            }
            device.revokedAt = device.revokedAt ?? scope.now
            device.online = false
            try device.update(database)
            var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy)
            try engine.deviceRemoved(id)
            scope.changes = engine.effects.changes + [ChangeEvent(.device, id)]
            let withdrawn = try OpenClaims.withdraw(
                database, of: id, madeUntil: device.revokedAt ?? scope.now, at: scope.now)
            scope.detail = OpenClaims.detail(withdrawn)
            return try DeviceCertificates.end(database, device, at: scope.now)
        }
        try await shutOut(id, serials)
    }

    /// Puts certificates on the revocation list and ends the session that one of them opened.
    private func shutOut(_ id: DeviceID, _ serials: [String]) async throws {
        try pki.revoke(Dictionary(uniqueKeysWithValues: serials.map { ($0, id) }))
        try await pki.authority?.endSession(of: id)
    }

    /// Puts a device in the place of another that broke: the same station, tags and releases; the other is revoked, and
    /// its history stays with the station.
    public func replace(_ old: DeviceID, by new: DeviceID, reason: String, by caller: Identity) async throws {
        let policy = context.configuration.devicePolicy
        let serials = try await context.perform(
            Command("devices.replace", by: caller, role: .operator, subject: old, reason: reason)
        ) { database, scope -> [String] in
            var broken = try Self.record(database, old)
            var successor = try Self.record(database, new)
            guard old != new, successor.revokedAt == nil else {
                throw ControllerError(
                    .wrongState, "'\(new)' cannot take the place of '\(old)'",
                    hint: "enrol the new device under an id of its own first (martlet device claim)")
            }
            let station = try broken.station ?? StationID(old.text)
            try StationRows.ensure(database, station, at: scope.now)
            broken.station = station
            broken.revokedAt = broken.revokedAt ?? scope.now
            broken.online = false
            try broken.update(database)
            successor.station = station
            try successor.update(database)
            var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy)
            try engine.deviceRemoved(old)
            try Self.hand(database, from: old, to: new, policy: policy)
            try engine.deviceJoined(new)
            let withdrawn = try OpenClaims.withdraw(
                database, of: old, madeUntil: broken.revokedAt ?? scope.now, at: scope.now)
            scope.detail = ["by": new.text, "station": station.text].merging(OpenClaims.detail(withdrawn)) { own, _ in
                own
            }
            scope.changes = engine.effects.changes + [ChangeEvent(.device, old), ChangeEvent(.device, new)]
            return try DeviceCertificates.end(database, broken, at: scope.now)
        }
        deliver()
        try await shutOut(old, serials)
    }

    /// Tags, and what each slot is to run: what it was told last, else what it ran.
    private static func hand(
        _ database: Database, from old: DeviceID, to new: DeviceID, policy: DevicePolicy
    ) throws {
        let tags = try DeviceQueries.tags(database, of: new)
        let inherited = try DeviceQueries.tags(database, of: old)
        let both = tags.merging(inherited) { _, old in old }
        try check(tags: both)
        try DeviceQueries.replaceTags(database, of: new, with: both)
        for slot in try DeviceSlotRecord.filter(Column("device") == old).fetchAll(database) {
            guard let release = slot.desiredRelease ?? slot.champion else { continue }
            let key: [String: any DatabaseValueConvertible] = ["device": new, "slot": slot.slot]
            var next =
                try DeviceSlotRecord.fetchOne(database, key: key) ?? DeviceSlotRecord(device: new, slot: slot.slot)
            next.desiredRelease = release
            next.activation = slot.activation
            try next.save(database)
        }
        try DesiredDocument.refresh(database, new, fallback: policy)
    }

    private static func record(_ database: Database, _ id: DeviceID) throws -> DeviceRecord {
        guard let record = try DeviceRecord.fetchOne(database, key: id) else {
            throw ControllerError.notFound("device", id)
        }
        return record
    }

    static func check(tags: [String: String]) throws(ControllerError) {
        guard tags.count <= ControllerLimits.tags else {
            throw ControllerError(.limitReached, "a device has at most \(ControllerLimits.tags) tags")
        }
        for (key, value) in tags {
            let text = key + value
            let isPlain =
                text.allSatisfy { !",=!|*".contains($0) && !$0.isNewline }
                && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            let fits = [key, value].allSatisfy { (1...ControllerLimits.tagCharacters).contains($0.count) }
            guard isPlain, fits, key != "id" else {
                throw ControllerError(
                    .invalid, "'\(key)=\(value)' is no tag",
                    hint: "1 to \(ControllerLimits.tagCharacters) characters without , = ! | * on each side; not 'id'")
            }
        }
        // A device takes no more with its identity, and would refuse all of it.
        let bytes = IssuedIdentity.text(of: tags).utf8.count
        guard bytes <= EnrolmentGrant.tagBytes else {
            throw ControllerError(
                .limitReached, "the tags take \(bytes) bytes, a device holds \(EnrolmentGrant.tagBytes)",
                hint: "use fewer or shorter ones")
        }
    }
}
