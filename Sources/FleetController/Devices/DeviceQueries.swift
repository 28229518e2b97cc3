import FleetModel
import FleetStore
import GRDB

/// Finding devices and their tags inside a transaction.
enum DeviceQueries {
    /// Ids of the devices that a selector picks, rising; revoked ones are left out unless asked for.
    static func select(
        _ database: Database, _ selector: Selector, after: String? = nil, limit: Int = .max,
        includeRevoked: Bool = false
    ) throws -> [DeviceID] {
        var found: [DeviceID] = []
        var tags = try TagReader(database)
        let rows = try Row.fetchCursor(
            database, sql: "SELECT id, revokedAt FROM device WHERE id > ? ORDER BY id", arguments: [after ?? ""])
        while found.count < limit, let row = try rows.next() {
            let id: DeviceID = row["id"]
            guard includeRevoked || row["revokedAt"] == nil else { continue }
            if try selector.matches(id, tags: selector.terms.isEmpty ? [:] : tags.tags(of: id)) { found.append(id) }
        }
        return found
    }

    static func tags(_ database: Database, of device: DeviceID) throws -> [String: String] {
        var reader = try TagReader(database)
        return try reader.tags(of: device)
    }

    static func replaceTags(_ database: Database, of device: DeviceID, with tags: [String: String]) throws {
        try database.execute(sql: "DELETE FROM device_tag WHERE device = ?", arguments: [device])
        for (key, value) in tags { try DeviceTagRecord(device: device, key: key, value: value).insert(database) }
    }

    /// Reads tags through one prepared statement.
    private struct TagReader {
        private let statement: Statement

        init(_ database: Database) throws {
            statement = try database.cachedStatement(sql: "SELECT key, value FROM device_tag WHERE device = ?")
        }

        mutating func tags(of device: DeviceID) throws -> [String: String] {
            var tags: [String: String] = [:]
            let rows = try Row.fetchCursor(statement, arguments: [device])
            while let row = try rows.next() { tags[row["key"]] = row["value"] }
            return tags
        }
    }
}
