import FleetModel
import FleetStore
import GRDB

/// The certificates of a device.
enum DeviceCertificates {
    /// Marks every certificate of a device as revoked.
    ///
    /// - Returns: the serial numbers for the revocation list, also those that were marked before: what followed then may
    ///   have failed.
    static func end(_ database: Database, _ device: DeviceRecord, at now: Instant) throws -> [String] {
        let records = try living(at: now).filter(Column("device") == device.id).fetchAll(database)
        for var record in records where record.revokedAt == nil {
            record.revokedAt = now
            try record.update(database)
        }
        let serials = Set(records.map(\.serial) + [device.certificateSerial].compactMap { $0 })
        return serials.sorted()
    }

    /// What is marked as revoked and has not ended: serial numbers, and whose they are.
    ///
    /// - Parameter device: only this one's; nil for everybody's.
    static func revoked(_ database: Database, of device: DeviceID? = nil, at now: Instant) throws -> [String: DeviceID]
    {
        var request = living(at: now).filter(Column("revokedAt") != nil)
        if let device { request = request.filter(Column("device") == device) }
        let records = try request.fetchAll(database)
        return Dictionary(records.map { ($0.serial, $0.device) }) { first, _ in first }
    }

    private static func living(at now: Instant) -> QueryInterfaceRequest<DeviceCertificateRecord> {
        DeviceCertificateRecord.filter(Column("expiresAt") > now)
    }
}
