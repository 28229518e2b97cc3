import FleetModel
import FleetStore
import Foundation
import Logging

/// Counts the connections that the private broker turned away for their certificates: they show in its log alone.
struct BrokerLogReader {
    private let path: String
    private var offset: UInt64

    /// Bytes that are read at one look; what is beyond is skipped, because somebody floods.
    static let maximumBytes = 1 << 20

    /// Begins at the end of what is there.
    init(path: String) {
        self.path = path
        offset = Self.size(path)
    }

    private static func size(_ path: String) -> UInt64 {
        ((try? FileManager.default.attributesOfItem(atPath: path)[.size]) as? UInt64) ?? 0
    }

    /// Lines since the last look that say so.
    mutating func knocks() -> Int {
        let size = Self.size(path)
        // A shorter file is a new one.
        if size < offset { offset = 0 }
        guard size > offset, let file = FileHandle(forReadingAtPath: path) else { return 0 }
        defer { try? file.close() }
        guard (try? file.seek(toOffset: offset)) != nil,
            let data = try? file.read(upToCount: min(Self.maximumBytes, Int(size - offset)))
        else { return 0 }
        // A line that is still being written is read when it is whole.
        let lines = data[..<(data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? data.startIndex)]
        offset = size - offset > Self.maximumBytes ? size : offset + UInt64(lines.count)
        return String(decoding: lines, as: UTF8.self).split(separator: "\n").count(where: Self.isKnock)
    }

    /// OpenSSL's words for a certificate that is revoked, expired, of another authority, or not there, and for no TLS.
    private static func isKnock(_ line: Substring) -> Bool {
        line.contains("certificate verify failed") || line.contains("peer did not return a certificate")
            || line.contains("wrong version number") || line.contains("http request")
    }
}

/// Tells people of strangers at the broker's door: log, audit and alert, at most once a while.
struct KnockWatch: Sendable {
    let context: ControllerContext
    let logFile: String

    static let interval = Duration.seconds(2)
    private static let sender = "broker"

    func run() async {
        var reader = BrokerLogReader(path: logFile)
        let refusals = RefusalBook()
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            let now = context.now()
            var told: Int?
            for _ in 0..<reader.knocks() { told = refusals.note(Self.sender, at: now) ?? told }
            if let told { await tell(told, at: now) }
        }
    }

    private func tell(_ count: Int, at now: Instant) async {
        context.logger.warning(
            "the broker turned a connection away for its certificate", metadata: ["count": "\(count)"])
        let condition = AlertCondition(
            fingerprint: "broker/certificate", kind: .identity, severity: .warning, subject: Self.sender,
            title: "The broker turns connections away for their certificates",
            reason:
                "a certificate that is revoked, expired, of another authority or missing, or no TLS at all (\(count) since last told)",
            action: "If a device of yours is silent, show it with 'martlet device show' and give it a new identity "
                + "('martlet device claim ID --replace'). Else somebody tries: let only your networks reach the broker."
        )
        do {
            try await context.write { database, changes in
                let entry = try AuditChain.append(
                    to: database, at: now, caller: .controller, command: "broker.refused", subject: Self.sender,
                    detail: ["connections": "\(count)"], reason: "a certificate that is not trusted")
                changes.append(ChangeEvent(.audit, entry.number))
                try AlertBook.open(database, condition, at: now, changes: &changes)
            }
        } catch {
            context.logger.error("alert not recorded", metadata: ["error": "\(error)"])
        }
    }
}
