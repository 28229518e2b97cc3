import FleetCrypto

/// Signs as a person's tool would.
enum TestKey {
    static func sign(_ message: [UInt8], with file: String) throws -> [UInt8] {
        try SigningKey(pemFile: file).sign(message)
    }
}
