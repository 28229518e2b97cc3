import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// Keys of the images that leave the controller sealed: those of sealed models. Each image has its own; a device gets it
/// with the release that it is to run, in an envelope that nobody else can open.
enum ImageKeys {
    /// The key of an image; nil if it goes out as it is.
    ///
    /// A sealed model's image gets its key here, at first need, unless it went out in the clear before.
    static func key(_ database: Database, of image: Digest) throws -> SealingKey? {
        if let record = try ImageKeyRecord.first(database, where: "image = ?", [image]) {
            return SealingKey([UInt8](record.key))
        }
        let mustBeSealed: Bool =
            try database.value(
                """
                SELECT EXISTS (
                    SELECT 1 FROM image JOIN model ON model.name = image.model WHERE image.digest = ?1 AND model.sealed
                ) AND NOT EXISTS (SELECT 1 FROM delivery WHERE image = ?1)
                """, [image]) ?? false
        guard mustBeSealed else { return nil }
        let key = try SealingKey.generate()
        try ImageKeyRecord(image: image, key: Data(key.bytes)).insert(database)
        return key
    }

    /// The keys that a slot's device needs for the release that the slot is to run. A device whose own key is none gets
    /// nothing, and says so when it cannot open the image: it must not hold up the others.
    static func envelopes(_ database: Database, _ slot: DeviceSlotRecord, of device: DeviceRecord) throws -> [ImageKey]
    {
        let images: [Digest] = try database.values(
            """
            SELECT part.image FROM release
            JOIN release_part AS part ON part.release = release.name AND part.slot = ?
            JOIN model ON model.name = part.model
            WHERE release.digest = ? AND model.sealed
            """, [slot.slot, slot.desiredRelease])
        return try images.compactMap { image in
            guard let key = try key(database, of: image),
                let envelope = try? KeyEnvelope.seal(key, to: [UInt8](device.signingKey))
            else { return nil }
            return ImageKey(image: image, envelope: envelope)
        }
    }
}
