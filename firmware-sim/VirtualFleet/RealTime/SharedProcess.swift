package import DeviceHost
import FleetModel
package import MQTTTransport

extension DevicePlatform {
    /// The operating system's, for one of thousands of devices in a process: an idle one keeps no database open.
    package static func sharedProcess(loop: MQTTLoop) -> DevicePlatform {
        var platform = DevicePlatform.system(loop: loop)
        platform.storeRestsAfter = .seconds(2)
        return platform
    }
}
