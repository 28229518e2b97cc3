import DeviceCore
import FleetCrypto
import FleetModel

/// A device's store, opened as well as its disk and its file allow.
struct OpenedStore {
    var store: DeviceStore
    /// What was wrong; empty if nothing was.
    var problem = ""
    /// The disk is read-only.
    var isFrozen = false

    init(folder: String, platform: DevicePlatform) throws(DeviceError) {
        let path = DeviceStore.path(in: folder)
        let syncs = !platform.bugs.contains(.skipSync)
        guard platform.mendsStore else {
            store = try DeviceStore(path: path, syncs: syncs)
            return
        }
        do throws(DeviceError) { store = try Self.whole(path, syncs: syncs) } catch {
            if SystemFiles.isOnReadOnlyDisk(path) {
                store = try Self.frozen(path, files: platform.files)
                problem = "\(path): the disk is read-only: what is installed serves, and nothing new is kept"
                isFrozen = true
            } else if error.code == .storeDamaged {
                store = try Self.mended(path, files: platform.files)
                problem = "\(error.context): begun anew with what could be read; kept as \(path).damaged"
            } else {
                throw error
            }
        }
    }

    /// Gives the store what opens its sealed samples; those of another identity are given up.
    mutating func unseal(with signingKey: SigningKey, sealsNew: Bool) throws(DeviceError) {
        do throws(CryptoError) {
            store.sampleSeal = SampleSeal(
                key: try signingKey.sealingKey(for: "martlet spooled samples"), sealsNew: sealsNew)
        } catch {
            throw DeviceError(.cryptoFailed, error.context)
        }
        guard !isFrozen, case let foreign = try store.giveUpForeignSamples(), foreign > 0 else { return }
        problem +=
            (problem.isEmpty ? "" : "; ") + "\(foreign) samples that another identity had sealed are given up"
    }

    /// Opens the store and makes sure that it can be read throughout.
    private static func whole(_ path: String, syncs: Bool) throws(DeviceError) -> DeviceStore {
        let store = try DeviceStore(path: path, syncs: syncs)
        do throws(DeviceError) {
            let damage = try store.damage()
            guard damage.isEmpty else { throw DeviceError(.storeDamaged, "\(path): \(damage)") }
            _ = try store.slots()
        } catch {
            store.close()
            throw error
        }
        return store
    }

    /// Opens the store to be read alone. What a write-ahead log still holds counts: only without one may the file be
    /// taken as it is.
    private static func frozen(_ path: String, files: any DeviceFiles) throws(DeviceError) -> DeviceStore {
        do throws(DeviceError) { return try DeviceStore(reading: path) } catch {
            guard files.size(of: "\(path)-wal") ?? 0 == 0 else { throw error }
            return try DeviceStore(reading: path, isFrozen: true)
        }
    }

    /// Sets the damaged file aside and writes what can still be read of it into a new one.
    private static func mended(_ path: String, files: any DeviceFiles) throws(DeviceError) -> DeviceStore {
        let aside = "\(path).damaged"
        for suffix in ["-wal", "-shm"] { files.remove(aside + suffix) }
        try files.rename(path, to: aside)
        for suffix in ["-wal", "-shm"] where files.exists(path + suffix) {
            try files.rename(path + suffix, to: aside + suffix)
        }
        let store = try DeviceStore(path: path)
        if let damaged = try? DeviceStore(reading: aside) {
            try store.takeOver(from: damaged)
            damaged.close()
        }
        return store
    }
}

extension DeviceStore {
    /// Copies what decodes: who may sign, what time it is, where slots stand and what they run. Reports and samples are
    /// given up: a torn one must not be sent.
    fileprivate func takeOver(from damaged: DeviceStore) throws(DeviceError) {
        typealias Names = DeviceHost.Documents
        for name in [Names.root, Names.roles, Names.clock, Names.desired] {
            if let document = (try? damaged.document(name)) ?? nil { try put(document, as: name) }
        }
        for (slot, state) in (try? damaged.slots()) ?? [:] {
            try put(state, for: slot)
            for release in state.neededReleases {
                if let message = (try? damaged.manifest(release)) ?? nil { try put(manifest: message, of: release) }
            }
        }
        try commit()
    }
}
