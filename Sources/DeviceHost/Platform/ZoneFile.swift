import DeviceCore
import FleetCrypto

/// Time zones by name, from the operating system's database.
enum ZoneFile {
    private static let folder = "/usr/share/zoneinfo"

    /// Reads a POSIX rule, or the rule at the end of a zone's file (RFC 9636, section 3.3): it holds for the time after
    /// the file's last transition, so for now and the future. nil if neither can be read.
    static func zone(_ text: String) -> SiteZone? {
        if let zone = SiteZone(posix: text) { return zone }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let isName = !parts.isEmpty && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
        guard isName, let bytes = try? PrivateFile.read("\(folder)/\(text)"), bytes.starts(with: Array("TZif".utf8)),
            bytes.last == UInt8(ascii: "\n"), let start = bytes.dropLast().lastIndex(of: UInt8(ascii: "\n"))
        else { return nil }
        return SiteZone(posix: String(decoding: bytes[(start + 1)...].dropLast(), as: UTF8.self))
    }
}
