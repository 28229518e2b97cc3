/// Why the import of one node stopped.
enum Refusal: Error {
    /// The node is valid, but the runtime cannot run it.
    case unsupported(String, help: String)
    /// The node contradicts the operator's specification.
    case invalid(String)

    /// An operand that must be known when the model is compiled.
    static func mustBeConstant(_ what: String) -> Refusal {
        .unsupported(
            "\(what) is computed at run time",
            help: "make it a constant, for example by exporting the model with fixed shapes")
    }
}
