/// How a model is compiled.
public struct CompileOptions: Hashable, Sendable {
    /// Extents for dimensions that the model leaves open: by symbol (`"N"`), or by input and axis (`"frame.0"`) where
    /// the model gives no symbol.
    ///
    /// An open *first* dimension of an input is taken for the batch and bound to 1 when nothing here says otherwise;
    /// any other open dimension is an error.
    public var dims: [String: Int]

    /// The most bytes of constants that folding may create, beside those of the file.
    public var maximumFoldedBytes: Int

    /// Creates options; the defaults compile for one frame at a time.
    public init(dims: [String: Int] = [:], maximumFoldedBytes: Int = 256 << 20) {
        self.dims = dims
        self.maximumFoldedBytes = maximumFoldedBytes
    }
}
