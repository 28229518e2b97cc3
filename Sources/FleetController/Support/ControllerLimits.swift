/// Bounds on what the controller takes and keeps.
public enum ControllerLimits {
    /// Tags on a device.
    public static let tags = 32
    /// Characters of a tag's key or value.
    public static let tagCharacters = 64
    /// Devices of one controller (issue: one machine; past it several controllers).
    public static let devices = 100_000
    /// Bytes of an ONNX model that `ControllerConfiguration.modelBytesLimit` may allow: what one file of its format can
    /// have.
    public static let modelBytes = Int(Int32.max)
    /// Pushed models that are compiled or wait for it; each lies in memory meanwhile.
    public static let waitingModels = 4
    /// The setting of `ControllerConfiguration.modelBytesLimit`.
    public static let modelBytesSetting = "models.max_bytes"
    /// A program of devices, in bytes.
    public static let agentBytes = 64 << 20
    /// Waves of a rollout.
    public static let waves = 20
    /// Characters of a text that people write: a note, a reason, a description.
    public static let noteCharacters = 2000
    /// Frames in one import.
    public static let importedFrames = 1_000_000
    /// Items in a dataset version.
    public static let datasetItems = 5_000_000
    /// Webhooks.
    public static let webhooks = 32
    /// Subscribers to change events.
    public static let eventSubscribers = 256
    /// Events that wait for a slow subscriber; when they are full, further ones are lost and it is told to look at
    /// everything again, because every event only says "look again" anyway.
    public static let eventBacklog = 256
}
