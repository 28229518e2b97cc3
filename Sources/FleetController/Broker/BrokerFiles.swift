import FleetCrypto
import FleetWire
import Foundation
import Glibc

/// The files that mosquitto reads: its configuration and its access rules.
struct BrokerFiles {
    let configuration: BrokerConfiguration
    let port: Int
    /// As root mosquitto would drop to a user of its own, who cannot read keys of mode 0600.
    let runsAsRoot: Bool

    /// Which of the files were not as they should be.
    struct Changes: Equatable {
        /// The broker must be started anew.
        var configuration = false
        /// It is enough that the broker reads its files again.
        var rules = false
    }

    static func configurationFile(in folder: URL) -> String { folder.appending(path: "mosquitto.conf").path() }

    /// Writes what differs.
    func write(pki: FleetPKI) throws -> Changes {
        var changes = Changes()
        try FleetPKI.makePrivateFolder(configuration.folder)
        changes.configuration = try Self.update(
            Self.configurationFile(in: configuration.folder), with: configurationText(pki: pki))
        changes.rules = try Self.update(rulesFile, with: rulesText())
        return changes
    }

    private var rulesFile: String { configuration.folder.appending(path: "rules.acl").path() }

    private static func update(_ path: String, with text: String) throws -> Bool {
        let bytes = Array(text.utf8)
        if let current = try? PrivateFile.read(path), current == bytes { return false }
        try PrivateFile.write(bytes, to: path)
        return true
    }

    /// mosquitto.conf(5). Paths stand at the end of lines, so blanks in them do no harm.
    func configurationText(pki: FleetPKI) -> String {
        """
        # Written by martlet at every start: changes here are lost.
        listener \(port) \(configuration.address)
        \(runsAsRoot ? "user root" : "# user: whoever runs martlet")
        cafile \(pki.authorityFile)
        certfile \(pki.file("broker", "pem"))
        keyfile \(pki.file("broker", "key"))
        crlfile \(pki.file("revoked", "pem"))
        tls_version tlsv1.2
        require_certificate true
        \(identityText)
        allow_anonymous false
        acl_file \(rulesFile)

        max_connections -1
        message_size_limit \(configuration.maximumMessageBytes)
        max_queued_messages \(configuration.maximumQueuedMessages)
        max_inflight_messages \(configuration.maximumInflightMessages)
        set_tcp_nodelay true

        persistence true
        persistence_location \(configuration.folder.path())
        persistence_file retained.db
        autosave_interval \(configuration.autosaveSeconds)

        log_dest stderr
        log_type error
        log_type warning
        log_type notice
        # Without, mosquitto says nothing of a handshake that fails at its first byte.
        connection_messages true

        """
    }

    /// How the broker knows who connects: by the guard if there is one, else by itself, and then nobody is told.
    private var identityText: String {
        guard let guardPlugin = configuration.guardPlugin else {
            return """
                use_identity_as_username true
                use_username_as_clientid true
                """
        }
        return """
            plugin \(guardPlugin)
            plugin_opt_rules \(rulesFile)
            plugin_opt_topic \(Topics(prefix: configuration.topicPrefix).refused)
            plugin_opt_blobs \(configuration.topicPrefix)blob/
            """
    }

    /// Who may do what (docs/protocol.md, "Broker rules"): a device writes below its own `up` and reads its own `dn` and
    /// what is for everybody. `%u` is the common name of its certificate.
    func rulesText() -> String {
        let prefix = configuration.topicPrefix
        return """
            user \(FleetPKI.controllerName)
            topic readwrite \(prefix)#
            topic read $SYS/#

            # For everybody, the controller and the probe included: their own names are no device ids.
            pattern read \(prefix)dev/%u/dn/#
            pattern write \(prefix)dev/%u/up/#
            pattern read \(prefix)trust/#
            pattern read \(prefix)release/#
            pattern read \(prefix)blob/#

            """
    }
}

/// What the controller remembers about its broker from one start to the next.
struct BrokerMemory: Codable, Equatable {
    /// Devices were told this port: it must not change.
    var port: Int

    static func file(in folder: URL) -> URL { folder.appending(path: "broker.json") }

    static func read(from folder: URL) throws -> BrokerMemory? {
        let file = file(in: folder)
        guard FileManager.default.fileExists(atPath: file.path()) else { return nil }
        do {
            return try JSONDecoder().decode(BrokerMemory.self, from: Data(contentsOf: file))
        } catch {
            throw ControllerError(
                .unavailable, "\(file.path()) is damaged: \(error)",
                hint: "write {\"port\": N} into it, N being broker_port in any device.conf")
        }
    }

    func write(to folder: URL) throws {
        try PrivateFile.write(JSONEncoder().encode(self), to: Self.file(in: folder).path())
    }
}
