import Foundation
import Testing

@testable import FleetController

@Suite("The broker's log")
final class BrokerLogReaderTests {
    private let file = FileManager.default.temporaryDirectory.appending(path: "log-\(UUID().uuidString)")
    private static let knock = "1: OpenSSL Error[0]: error:0A00010B:SSL routines::wrong version number\n"

    init() throws { try Data().write(to: file) }

    deinit {
        for path in [file.path(), "\(file.path()).1"] { try? FileManager.default.removeItem(atPath: path) }
    }

    private func append(_ text: String) throws {
        let handle = try FileHandle(forWritingTo: file)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    @Test("each line counts once, when it is whole")
    func lines() throws {
        try append(Self.knock)
        var reader = BrokerLogReader(path: file.path())
        #expect(reader.knocks() == 0, "what was there before")
        try append("1: New connection from 10.0.0.7\n" + Self.knock + Self.knock.prefix(20))
        #expect(reader.knocks() == 1)
        try append(String(Self.knock.dropFirst(20)))
        #expect(reader.knocks() == 1)
        #expect(reader.knocks() == 0)
    }

    @Test("a handshake that failed at its first byte counts as well")
    func firstByte() throws {
        var reader = BrokerLogReader(path: file.path())
        try append(
            "1: Client connection from 10.0.0.7 failed: error:0A00010B:SSL routines::wrong version number.\n")
        #expect(reader.knocks() == 1)
    }

    @Test("a log beyond its limit is put aside and begun anew, and nothing is counted twice or left out")
    func limit() throws {
        var reader = BrokerLogReader(path: file.path())
        for round in 1...3 {
            try append(String(repeating: "1: a line\n", count: 100) + Self.knock)
            #expect(reader.knocks() == 1, "round \(round)")
            // What came since that look stays to be read.
            try append(Self.knock)
            reader.limit(to: 1000)
            #expect(reader.knocks() == 1, "round \(round)")
            reader.limit(to: 1000)
            #expect(try Data(contentsOf: file).isEmpty)
            #expect(try String(contentsOfFile: "\(file.path()).1", encoding: .utf8).hasSuffix(Self.knock))
        }
        try append(Self.knock)
        reader.limit(to: 1000)
        #expect(reader.knocks() == 1)
        #expect(try Data(contentsOf: file).count == Self.knock.utf8.count)
    }
}
