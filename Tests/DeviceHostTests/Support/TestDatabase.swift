import Foundation

@testable import DeviceHost

/// A device's database in a folder that lasts as long as the body.
func withDatabase(_ body: (Database, _ path: String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "database-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "device.db").path()
    let database = try Database(path: path)
    defer { database.close() }
    try body(database, path)
}
