package import DeviceHost
import FleetModel
import Glibc
package import MQTTTransport

/// What thousands of devices in one process do for each other's sake.
///
/// Measured with `martlet-fleet bench idle` on glibc 2.36: an idle device costs 277 KB with its database open, 123 KB
/// with it closed, 29 KB once the heap is given back (76 KB under mutual TLS).
enum SharedProcess {
    private static let pause: Int64 = 5000
    /// `malloc_trim(3)`, which Swift's Glibc does not have; nil where there is none.
    private static let trim: (@convention(c) @Sendable (Int) -> Int32)? = dlsym(nil, "malloc_trim").map {
        unsafeBitCast($0, to: (@convention(c) @Sendable (Int) -> Int32).self)
    }

    /// Gives the heap's free pages back to the system every few seconds, for as long as the loop lives: what a device
    /// takes for a moment lies between what others keep, and the C library would hold on to it.
    static func keepTrimming(on loop: MQTTLoop) {
        guard let trim else { return }
        loop.schedule(after: pause) { [weak loop] in
            guard let loop else { return }
            _ = trim(0)
            keepTrimming(on: loop)
        }
    }
}

extension DevicePlatform {
    /// The operating system's, for one of thousands of devices in a process: an idle one keeps no database open.
    package static func sharedProcess(loop: MQTTLoop) -> DevicePlatform {
        var platform = DevicePlatform.system(loop: loop)
        platform.storeRestsAfter = .seconds(2)
        return platform
    }
}
