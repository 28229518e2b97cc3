import Hummingbird
import NIOCore

/// A request's context: Hummingbird's own part and the address that the request came from.
struct ConsoleContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Without the port, for the login limit; `local` in tests without a socket.
    let address: String

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? "local"
    }
}
