/// A number of bytes as people write it.
public struct ByteCount: Hashable, Sendable {
    /// How many.
    public let bytes: Int

    /// `10MiB`, `512KiB`, `1GiB` or a plain number; nil for anything else.
    public init?(_ text: String) {
        let units = ["KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "": 1]
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), let unit = units[String(text.dropFirst(digits.count))] else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        bytes = product
    }
}
