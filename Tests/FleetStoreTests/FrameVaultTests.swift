import FleetCrypto
import Foundation
import GRDB
import Testing

@testable import FleetStore

@Suite("Frames in the database, sealed or not")
struct FrameVaultTests {
    private let values: [Float] = [1, -0.5, .infinity, 3e-7]

    @Test("what is stored comes back, and its count is known without opening it", arguments: [0, 1, 2, 3, 9000])
    func roundTrip(count: Int) throws {
        let values = (0..<count).map(Float.init)
        for vault in [FrameVault(key: nil), FrameVault(key: try SealingKey.generate())] {
            let stored = try vault.stored(plain: FloatVector(values).data)
            #expect(stored.count == count)
            #expect(try vault.values(stored) == values)
            let part = try vault.stored(part: [1, 2, 3])
            #expect(try vault.part(part) == [1, 2, 3])
        }
    }

    @Test("a sealed frame shows nothing of its values, and no two are alike")
    func hidden() throws {
        let vault = FrameVault(key: try SealingKey.generate())
        let stored = try vault.stored(plain: FloatVector(values).data)
        #expect(stored.data.range(of: FloatVector(values).data) == nil)
        #expect(try vault.stored(plain: FloatVector(values).data) != stored)
        #expect(try vault.stored(part: Array("secret".utf8)).range(of: Data("secret".utf8)) == nil)
    }

    @Test("what lay in the clear before there was a key stays readable")
    func before() throws {
        let vault = FrameVault(key: try SealingKey.generate())
        #expect(try vault.values(StoredFrame(values)) == values)
        #expect(try vault.part(FrameVault(key: nil).stored(part: [7])) == [7])
    }

    @Test("a frame that was changed, or has no key, is an error with a way out")
    func damage() throws {
        let vault = FrameVault(key: try SealingKey.generate())
        let stored = try vault.stored(plain: FloatVector(values).data)
        var data = stored.data
        data[data.count - 1] ^= 1
        for (vault, frame) in [
            (vault, StoredFrame(data: data)), (FrameVault(key: nil), stored), (vault, StoredFrame(data: Data([1, 2]))),
        ] {
            let error = #expect(throws: StoreError.self) { try vault.values(frame) }
            #expect(error?.code == .damagedFrame)
            #expect(error?.hint.contains("samples.frame_key") == true)
        }
    }

    @Test("a database knows the key that its frames were sealed with")
    func rightKey() throws {
        let folder = try TemporaryFolder()
        let (key, other) = (try SealingKey.generate(), try SealingKey.generate())
        try FleetStore(folder: folder.url).close()
        try FleetStore(folder: folder.url, frameKey: key).close()
        try FleetStore(folder: folder.url, frameKey: key).close()
        for wrong in [other, nil] {
            let error = #expect(throws: StoreError.self) { try FleetStore(folder: folder.url, frameKey: wrong) }
            #expect(error?.code == .wrongFrameKey)
        }
    }
}
