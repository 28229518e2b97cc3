import FleetModel
import FleetStore
import GRDB

/// Rows of stations.
enum StationRows {
    /// Makes a station that does not exist yet.
    static func ensure(_ database: Database, _ station: StationID?, at now: Instant) throws {
        guard let station, try !StationRecord.exists(database, key: station) else { return }
        try StationRecord(id: station, createdAt: now).insert(database)
    }
}
