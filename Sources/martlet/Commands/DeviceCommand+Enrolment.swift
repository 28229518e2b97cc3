import ArgumentParser
import FleetClient
import FleetController
import FleetCrypto
import FleetModel
import Foundation

extension DeviceCommand {
    struct Claim: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a one-time claim for a device that is to join.",
            discussion: """
                The claim's text (and its QR code) goes to the device: `martlet-agent enrol --claim TEXT`, or `claim =` \
                in agent.conf. It works once and until it expires; it is shown only here.
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The device's id, or the beginning of one and a *, such as 'press-*'.") var device: String
        @Option(help: "Where devices reach the controller (default: as this command does).") var deviceUrl: String?
        @Option(name: .customLong("tag"), help: "A tag that the device gets, key=value; may be repeated.")
        var tags: [String] = []
        @Option(help: "The station that the device will serve.") var station: String?
        @Option(help: "Minutes until the claim expires, 1 to 43200 (default: 1440, a day).") var minutes: Int?
        @Flag(help: "The device exists, and its identity was lost or stolen: the old one is revoked.")
        var replace = false
        @Option(help: "Write the QR code as an SVG picture to this file (mode 0600).") var svg: String?
        @Flag(help: "Do not draw the QR code.") var noQr = false

        func run() async throws {
            let tagValues = try Arguments.pairs(tags, option: "--tag")
            try await client.run { api in
                var body: [String: JSONValue] = [
                    "device": .string(device), "url": .string(deviceUrl ?? client.address), "replace": .bool(replace),
                    "tags": .object(tagValues.mapValues(JSONValue.string)),
                ]
                if let station { body["station"] = .string(station) }
                if let minutes { body["validMinutes"] = .number(Double(minutes)) }
                let answer = try await api.post("/api/v1/claims", .object(body))
                if let svg { try PrivateFile.write((answer["qr"].string ?? "").utf8, to: svg) }
                try client.show(answer, text)
            }
        }

        private func text(_ answer: JSONValue) -> String {
            let claim = answer["text"].string ?? ""
            let code = noQr ? nil : (try? QRCode(claim))?.terminalText
            let until = answer["expiresAt"].string ?? "?"
            return [code, claim, "for \(device), once, until \(until)"].compactMap { $0 }.joined(separator: "\n")
        }
    }

    struct Claims: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List claims, newest first.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.get("/api/v1/claims", query: [("limit", "200")])["items"].array,
                    [
                        ("CLAIM", "id"), ("DEVICE", "device"), ("STATE", "state"), ("USED BY", "usedBy"),
                        ("EXPIRES", "expiresAt"), ("BY", "createdBy"),
                    ])
            }
        }
    }

    struct Withdraw: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a claim that nobody has used.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The claim, as `martlet device claims` lists it.") var claim: String

        func run() async throws {
            try await client.run { api in
                try client.show(try await api.delete("/api/v1/claims/\(claim)")) { _ in "withdrew \(claim)" }
            }
        }
    }

    struct Replace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put another device in the place of a broken one.",
            discussion: """
                The new device gets the station, the tags and the releases of the old one, which is revoked; the \
                station keeps the history of both. Enrol the new device under an id of its own first.
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The device that is replaced.") var device: String
        @Option(help: "The device that takes its place.") var by: String
        @Option(help: "Why; goes to the audit.") var reason: String

        func run() async throws {
            try await client.run { api in
                let answer = try await api.post(
                    "/api/v1/devices/\(device)/replace", ["by": .string(by), "reason": .string(reason)])
                try client.show(answer) { _ in "\(by) serves in the place of \(device), which is revoked" }
            }
        }
    }
}
