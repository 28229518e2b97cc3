/// The version of this device software, as presence tells it.
public enum AgentVersion {
    public static let current = "0.1.0"
}
