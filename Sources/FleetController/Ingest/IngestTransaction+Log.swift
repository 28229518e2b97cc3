import FleetModel
import FleetStore
import FleetWire

/// What agents say of themselves.
extension IngestTransaction {
    /// Stores the lines of a message once. Which release they speak of does not matter: nothing is decided by them.
    mutating func applyLog(_ log: DeviceLog, of device: DeviceRecord) throws {
        let isNew = try !StreamCursor.holds(
            database, device: device.id, boot: log.boot, stream: .log, sequence: log.sequence)
        if isNew {
            try log.store(database, of: device.id, at: now)
            changes.append(ChangeEvent(.log, device.id))
        }
        try commit(device.id, log.boot, .log, log.sequence, isNew: isNew)
    }
}
