import DeviceCore
import FleetCrypto
import FleetWire
import Foundation
import Testing

@testable import DeviceHost

/// Samples that wait on the disk, sealed under the identity's key.
struct SealedSpoolTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "sealed-\(UUID().uuidString)")
    private let frame = Array("a frame that nobody may see".utf8)
    private let sample = SpoolKey(stream: .sample, boot: "0123456789abcdef", sequence: 1)

    private func withFolder(_ body: (String) throws -> Void) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.appending(path: "device.db").path())
    }

    private func open(_ path: String, _ signing: SigningKey, sealsNew: Bool) throws -> DeviceStore {
        let store = try DeviceStore(path: path)
        store.sampleSeal = SampleSeal(key: try signing.sealingKey(for: "test"), sealsNew: sealsNew)
        return store
    }

    private func isOnDisk(_ bytes: [UInt8], _ path: String) throws -> Bool {
        try ["", "-wal"].contains { suffix in
            guard FileManager.default.fileExists(atPath: path + suffix) else { return false }
            return try Data(contentsOf: URL(filePath: path + suffix)).range(of: Data(bytes)) != nil
        }
    }

    @Test("a sealed sample is nowhere on the disk, and comes back as it was; reports stay in the clear")
    func sealed() throws {
        try withFolder { path in
            let store = try open(path, SigningKey.generate(), sealsNew: true)
            defer { store.close() }
            let report = SpoolKey(stream: .report, boot: sample.boot, sequence: 1)
            try store.spool(sample, parts: [frame, [2]], maybeSent: false)
            try store.spool(report, parts: [Array("a report".utf8)], maybeSent: false)
            try store.commit()
            #expect(try store.spooled(sample) == [frame, [2]])
            #expect(try store.unsent(.sample, limit: 5).map(\.message) == [frame])
            try store.replace(sample, parts: [frame, [3]])
            try store.commit()
            #expect(try store.spooled(sample) == [frame, [3]])
            #expect(try !isOnDisk(frame, path))
            #expect(try isOnDisk(Array("a report".utf8), path))
            #expect(try store.giveUpForeignSamples() == 0)
        }
    }

    @Test("the setting may change: what is there opens either way")
    func changed() throws {
        try withFolder { path in
            let signing = try SigningKey.generate()
            let sealing = try open(path, signing, sealsNew: true)
            try sealing.spool(sample, parts: [frame], maybeSent: false)
            try sealing.commit()
            sealing.close()
            let plain = try open(path, signing, sealsNew: false)
            defer { plain.close() }
            let second = SpoolKey(stream: .sample, boot: sample.boot, sequence: 2)
            try plain.spool(second, parts: [frame], maybeSent: false)
            try plain.commit()
            #expect(try plain.spooled(sample) == [frame])
            #expect(try plain.spooled(second) == [frame])
            #expect(try isOnDisk(frame, path))
        }
    }

    @Test("another identity gives up what it cannot open, and only that")
    func foreign() throws {
        try withFolder { path in
            let first = try open(path, SigningKey.generate(), sealsNew: true)
            try first.spool(sample, parts: [frame, frame], maybeSent: true)
            try first.spool(SpoolKey(stream: .report, boot: sample.boot, sequence: 1), parts: [[1]], maybeSent: true)
            try first.commit()
            first.close()
            let second = try open(path, SigningKey.generate(), sealsNew: true)
            defer { second.close() }
            #expect(try second.giveUpForeignSamples() == 1)
            #expect(try second.spooled().map(\.key.stream) == [.report])
        }
    }
}
