import FleetController
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A request that has passed the door: its caller is known and allowed, parameters and body match the declaration.
struct APIRequest: Sendable {
    let request: Request
    let core: ConsoleCore
    /// Nil only where the endpoint's access is open.
    let caller: Caller?
    /// Path and query parameters that were given.
    let parameters: [String: JSONValue]
    /// The body of a JSON endpoint; `.null` for any other.
    let json: JSONValue
    /// The body as bytes.
    let bytes: ByteBuffer
    /// Where the request came from.
    let address: String
    /// The moment at which the request came in.
    let now: Instant

    var controller: FleetController { core.controller }
    var store: FleetStore { core.controller.store }

    /// Who asks; the endpoint's access has made sure that somebody does.
    var identity: Identity {
        get throws {
            guard let caller else { throw APIError.unauthenticated }
            return caller.identity
        }
    }

    /// The text of a parameter that the declaration requires.
    func text(_ name: String) -> String { parameters[name]?.text ?? "" }

    /// The text of an optional parameter.
    func optionalText(_ name: String) -> String? { parameters[name]?.text }

    /// The number of an integer parameter.
    func integer(_ name: String) -> Int? { parameters[name]?.integerValue.map(Int.init) }

    /// Items in the page asked for.
    var limit: Int { integer("limit") ?? ConsoleLimits.pageItems }

    /// The cursor as a row number, such as an alert's id.
    var numericCursor: Int64? {
        get throws {
            guard let text = optionalText("cursor") else { return nil }
            guard let number = Int64(text) else {
                throw APIError.invalid(SchemaMismatch(path: "cursor", reason: "is not one that a list returned"))
            }
            return number
        }
    }

    /// Reads the JSON body into a value whose shape the schema has already been held to.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes.readableBytesView))
        } catch {
            throw APIError.badRequest(
                "invalid", "The body cannot be read: \(error).", hint: "See this operation in /openapi.json.")
        }
    }

    /// A parameter as a checked name.
    func name<Name: CheckedName>(_ parameter: String, as type: Name.Type = Name.self) throws -> Name {
        do {
            return try Name(text(parameter))
        } catch {
            throw APIError.badRequest("invalid", "\(error)", hint: "Correct the address.")
        }
    }

    /// A selector in an optional parameter; all devices without it.
    func selector(_ parameter: String) throws -> Selector { try selector(in: optionalText(parameter)) }

    /// A selector in an optional text; all devices without it.
    func selector(in text: String?) throws -> Selector {
        do {
            return try Selector(text ?? "*")
        } catch {
            throw APIError.invalid(SchemaMismatch(path: "selector", reason: error.description))
        }
    }
}
