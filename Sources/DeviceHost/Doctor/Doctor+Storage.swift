import DeviceCore
import FleetModel
import FleetWire
import Glibc

/// Disk, database and images.
extension Doctor {
    /// Whether the folder can be written, and has room for the largest image.
    mutating func checkDisk(_ folder: String, limits: DeviceLimits) {
        let files = SystemFiles()
        let probe = "\(folder)/.doctor"
        do throws(DeviceError) {
            try files.makeFolder(folder)
            let file = try files.open(probe, .replace)
            try file.write([1], at: 0)
            try file.sync()
            files.remove(probe)
        } catch {
            files.remove(probe)
            let advice =
                error.code == .noSpace
                ? "free space on the disk of \(folder)"
                : "make \(folder) writable for the agent's account; a disk that turned read-only wants `fsck`"
            return note(.problem("disk", error.context, advice: advice))
        }
        let free = (try? files.freeBytes(at: folder)) ?? 0
        let mebibytes = "\(folder): \(free >> 20) MiB free"
        if free < limits.diskReserve {
            let text = "\(mebibytes), less than the reserve of \(limits.diskReserve >> 20) MiB"
            return note(.problem("disk", text, advice: "free space, or lower disk_reserve_mib: no update is fetched"))
        }
        if free < limits.diskReserve + limits.imageBytes {
            let text = "\(mebibytes), too little for an image of image_limit_mib"
            return note(.warning("disk", text, advice: "free space, or lower image_limit_mib to what you use"))
        }
        note(.ok("disk", mebibytes))
    }

    /// Whether the database is whole, its states can be read, and the images that they need are undamaged.
    mutating func checkDatabase(in folder: String) {
        let path = DeviceStore.path(in: folder)
        guard SystemFiles().exists(path) else {
            return note(.ok("database", "\(path) is not there yet: the first start makes it"))
        }
        let mend = "stop the agent and start it again: it keeps \(path).damaged and begins anew"
        do throws(DeviceError) {
            let store = try DeviceStore(reading: path)
            defer { store.close() }
            let damage = try store.damage()
            guard damage.isEmpty else { return note(.problem("database", "\(path): \(damage)", advice: mend)) }
            let slots = try store.slots()
            note(.ok("database", "\(path): whole, \(slots.count) slots"))
            try checkImages(of: slots.sorted { $0.key < $1.key }.map(\.value), in: folder)
        } catch {
            note(.problem("database", error.context, advice: mend))
        }
    }

    private mutating func checkImages(of slots: [SlotState], in folder: String) throws(DeviceError) {
        let images = ImageFolder(reading: folder, files: SystemFiles())
        let needed = slots.flatMap { [$0.champion, $0.previous] }.compactMap { $0?.image.digest }
        let damaged = needed.filter { !images.matches($0) }
        guard let first = damaged.first else { return note(.ok("images", "\(needed.count) needed, all undamaged")) }
        let text = "\(damaged.count) of \(needed.count) are damaged or gone, \(first.short) among them"
        note(.problem("images", text, advice: "restart the agent: it fetches them again; check the disk if it recurs"))
    }

    /// What signatures have proved of the time.
    func storedFloor(in folder: String) -> Instant {
        let path = DeviceStore.path(in: folder)
        guard SystemFiles().exists(path), let store = try? DeviceStore(reading: path) else { return .epoch }
        defer { store.close() }
        return DeviceHost.storedFloor(in: (try? store.document(DeviceHost.Documents.clock)) ?? nil)
    }
}
