import ArgumentParser
import AsyncHTTPClient
import FleetClient
import Foundation

/// How to reach the controller, and how to print.
struct ClientOptions: ParsableArguments {
    @Option(help: "The controller's address (default: MARTLET_URL or http://127.0.0.1:8480).")
    var url: String?

    @Option(help: "A bearer token (default: MARTLET_TOKEN).")
    var token: String?

    @Option(help: "A file that holds the token (default: MARTLET_TOKEN_FILE).")
    var tokenFile: String?

    @Option(help: "A PEM file with the authority of the controller's certificate (default: MARTLET_CA).")
    var ca: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// The controller's address.
    var address: String { url ?? ProcessInfo.processInfo.environment["MARTLET_URL"] ?? "http://127.0.0.1:8480" }

    /// Runs `body` with a client and turns failures into exit codes.
    func run(_ body: (FleetClient) async throws -> Void) async throws {
        let environment = ProcessInfo.processInfo.environment
        let http = try FleetClient.pool(authorityFile: ca ?? environment["MARTLET_CA"])
        let client = FleetClient(
            url: address, token: try bearer(environment),
            http: http)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        try await http.shutdown()
        do {
            try result.get()
        } catch let error as FleetClientError {
            Terminal.complain("\(error)")
            throw ExitStatus.code(for: error)
        }
    }

    private func bearer(_ environment: [String: String]) throws -> String? {
        if let token = token ?? environment["MARTLET_TOKEN"] { return token }
        guard let file = tokenFile ?? environment["MARTLET_TOKEN_FILE"] else { return nil }
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw ValidationError("the token file \(file) cannot be read")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Prints one value: JSON, or what `table` makes of it.
    func show(_ value: JSONValue, _ table: (JSONValue) -> String) throws {
        print(json ? try value.text(pretty: true) : table(value))
    }

    /// Prints a list as a table with these columns (title, path of keys separated by dots).
    func list(_ items: [JSONValue], _ columns: [(String, String)]) throws {
        if json {
            print(try JSONValue.object(["items": .array(items)]).text(pretty: true))
            return
        }
        let rows = items.map { item in columns.map { item.at($0.1).cell } }
        print(Table.text(titles: columns.map(\.0), rows: rows))
    }
}

/// Exit codes for scripts; `martlet --help` lists them.
enum ExitStatus {
    static let refused = ExitCode(3)
    static let notAllowed = ExitCode(4)
    static let notFound = ExitCode(5)
    static let unreachable = ExitCode(6)
    static let notSuccessful = ExitCode(7)

    static func code(for error: FleetClientError) -> ExitCode {
        switch error {
        case .refused(let status, _, _, _):
            switch status {
            case 401, 403: notAllowed
            case 404: notFound
            default: refused
            }
        case .unreachable: unreachable
        case .malformed: .failure
        }
    }
}

extension JSONValue {
    /// The value at a path of keys and positions such as `slots.0.version`.
    func at(_ path: String) -> JSONValue {
        path.split(separator: ".").reduce(self) { value, key in
            guard let position = Int(key) else { return value[String(key)] }
            return value.array.indices.contains(position) ? value.array[position] : .null
        }
    }
}
