import ArgumentParser
import Foundation
import VirtualFleet

/// Measurements on real brokers.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure on a real broker, beside a reference in the same run.",
        subcommands: [BenchDelivery.self, BenchIdle.self])
}

/// One image to many devices.
struct BenchDelivery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delivery",
        abstract: "Deliver one image to many devices over a mosquitto of its own.",
        discussion: """
            The controller publishes the image once; every device pulls it with the agent's own transfer: pages of \
            retained chunks, each checked and written to a file. Then martlet-pull-reference, plain C that does the \
            same and nothing else, pulls as often, and the bare fan-out of the broker is measured. Both clocks start \
            when all have connected. An image above 256 MiB is not retained: devices ask the controller for each \
            page, and there is no reference.
            """)

    @Option(help: "Devices that pull.") var devices = 500
    @Option(help: "Size of the image, such as 10MiB.") var size = "10MiB"
    @Flag(help: "TLS between the broker and devices, and the reference.") var tls = false
    @Option(help: "Where devices and reference write (default: the temporary folder).") var folder: String?
    @Flag(help: "Print one line of JSON.") var json = false

    func run() async throws {
        guard (1...DeliveryBench.deviceLimit).contains(devices) else {
            throw ValidationError("--devices is 1 to \(DeliveryBench.deviceLimit)")
        }
        guard let bytes = ByteCount(size)?.bytes, (64...DeliveryBench.byteLimit).contains(bytes) else {
            throw ValidationError("--size '\(size)': write 10MiB, 512KiB or bytes, up to 2046MiB")
        }
        OpenFiles.raiseLimit()
        let result = try await DeliveryBench(
            devices: devices, bytes: bytes, isEncrypted: tls,
            folder: folder ?? FileManager.default.temporaryDirectory.path()
        ).run()
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            Output.line(String(decoding: try encoder.encode(result), as: UTF8.self))
        } else {
            print(result)
        }
        for failure in result.failures.prefix(5) { FileHandle.standardError.write(Data("\(failure)\n".utf8)) }
        if result.complete < devices { throw ExitCode(1) }
    }

    private func print(_ result: DeliveryBench.Result) {
        let beside = { (seconds: Double?) -> String in
            guard let seconds else { return "none: the image is not retained" }
            return String(format: "%.2f s, ratio %.2f", seconds, result.wall / seconds)
        }
        let mebibytes = { (bytes: Int) in String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
        Output.line(
            """
            \(result.complete) of \(result.devices) devices complete in \(String(format: "%.2f", result.wall)) s
            reference in C: \(beside(result.reference))
            bare fan-out: \(beside(result.fanOut))
            published: \(mebibytes(result.published)) for a blob of \(mebibytes(result.blob))
            broker: \(mebibytes(result.brokerPeak)) at most, \(mebibytes(result.retained)) retained
            this process grew by \(mebibytes(result.memoryGrowth)) while the devices pulled
            """)
    }
}

/// Many devices that do nothing.
struct BenchIdle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Connect many idle devices to a mosquitto of its own and measure what each costs in memory.",
        discussion: """
            All devices live in this process, each with its database, its keys and its connection. Resident memory is \
            looked at with twenty devices and with all of them.
            """)

    @Option(help: "Devices.") var devices = 1000
    @Flag(help: "Mutual TLS with an identity for each device.") var tls = false
    @Option(help: "Where identities and databases are (default: the temporary folder).") var folder: String?
    @Flag(help: "Print one line of JSON.") var json = false

    func run() async throws {
        guard (1...IdleBench.deviceLimit).contains(devices) else {
            throw ValidationError("--devices is 1 to \(IdleBench.deviceLimit)")
        }
        OpenFiles.raiseLimit()
        let result = try await IdleBench(
            devices: devices, usesTLS: tls, folder: folder ?? FileManager.default.temporaryDirectory.path()
        ).run()
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            Output.line(String(decoding: try encoder.encode(result), as: UTF8.self))
        } else {
            Output.line(
                """
                \(result.connected) of \(result.devices) devices connected\(result.tls ? " with mutual TLS" : "")
                \(result.perDevice / 1024) KiB of resident memory each, \(result.after >> 20) MiB in all
                \(String(format: "%.1f", 100 * result.idleCPU)) % of a core while they idle
                """)
        }
        if result.connected < devices { throw ExitCode(1) }
    }
}

/// How many files and sockets this process may open.
enum OpenFiles {
    /// Raises the limit as far as the system lets it.
    static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
