/// The version of this runtime, which presence messages and receipts carry. Written `EdgeRuntime.version`.
public var version: String { "1.0.0" }
