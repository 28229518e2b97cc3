import FleetModel

/// Random text for secrets, from the system's generator.
enum RandomText {
    static func hex(bytes: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return Hexadecimal.text((0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}

/// Comparisons whose time does not tell how much matched.
enum ConstantTime {
    static func equal(_ a: String, _ b: String) -> Bool {
        let a = Array(a.utf8)
        let b = Array(b.utf8)
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
