import ArgumentParser
import FleetClient
import FleetCrypto
import FleetModel
import Foundation

/// `martlet device`: the fleet's members.
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "List, show, enrol, replace and revoke devices, and read their logs.",
        subcommands: [
            List.self, Show.self, Log.self, Claim.self, Claims.self, Withdraw.self, Provision.self, Revoke.self,
            Replace.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List devices with what they run.")
        @OptionGroup var client: ClientOptions
        @Option(help: "Only devices that match, such as side=L,subject!=8.")
        var selector: String?

        func run() async throws {
            try await client.run { api in
                let items = try await api.all("/api/v1/devices", query: [("selector", selector)])
                try client.list(
                    items,
                    [
                        ("DEVICE", "id"), ("ONLINE", "online"), ("RUNS", "slots.0.version"), ("PHASE", "slots.0.phase"),
                        ("AGENT", "agentVersion"),
                        ("DRIFT OVER THRESHOLD", "drift.ratio"), ("TAGS", "tags"), ("LAST SEEN", "lastSeen"),
                    ])
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one device.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The device's id.") var device: String

        func run() async throws {
            try await client.run { api in
                try client.show(try await api.get("/api/v1/devices/\(device)"), Details.text)
            }
        }
    }

    struct Provision: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a device's identity and write it to a folder.",
            discussion:
                "The folder holds the device's private keys (mode 0600): copy it to the device and delete it here.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The new device's id: 1 to 64 of A-Z a-z 0-9 _ -.") var device: String
        @Option(help: "Where to write the identity; it must not exist yet.") var out: String
        @Option(name: .customLong("tag"), help: "A tag, key=value; may be repeated.") var tags: [String] = []
        @Option(help: "The station that the device serves.") var station: String?

        func run() async throws {
            guard DeviceID.isValid(device) else { throw ValidationError("\(NameError.describe(device))") }
            guard !FileManager.default.fileExists(atPath: out) else { throw ValidationError("\(out) exists already") }
            let tagValues = try Arguments.pairs(tags, option: "--tag")
            try await client.run { api in
                var body: [String: JSONValue] = [
                    "id": .string(device), "tags": .object(tagValues.mapValues(JSONValue.string)),
                ]
                if let station { body["station"] = .string(station) }
                let answer = try await api.post("/api/v1/devices", .object(body))
                try IdentityFolder.write(files: answer["files"], to: out)
                try client.show(answer["device"]) { _ in "wrote the identity of \(device) to \(out)" }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a device's certificates and end its session.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The device's id.") var device: String
        @Option(help: "Why; goes to the audit.") var reason: String

        func run() async throws {
            try await client.run { api in
                let answer = try await api.post("/api/v1/devices/\(device)/revoke", ["reason": .string(reason)])
                try client.show(answer) { _ in "revoked \(device)" }
            }
        }
    }
}

/// A device's identity on disk.
enum IdentityFolder {
    /// Writes name → text pairs into a new folder, readable by its owner alone.
    static func write(files: JSONValue, to folder: String) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for (name, content) in files.object {
            guard !name.contains("/"), !name.hasPrefix("."), let text = content.string else {
                throw FleetClientError.malformed(path: "devices", reason: "a file is named '\(name)'")
            }
            try PrivateFile.write(text.utf8, to: "\(folder)/\(name)")
        }
    }
}
