import EdgeRuntime
import ModelImage

/// Computes when the model is compiled what does not depend on its inputs.
///
/// The import folds each operation as it appends it, because later shapes may depend on the result; so there is no
/// sweep over the finished graph. The runtime itself computes: a node on constants becomes an image of one step.
enum ConstantFolding {
    /// The results of a node whose inputs are all constants, in the order of its outputs.
    static func results(of node: GraphNode, in graph: Graph) throws(CompileError) -> [Constant] {
        var small = Graph()
        var inputs: [ValueID?] = []
        for input in node.inputs { inputs.append(input.map { small.addValue(graph[$0]) }) }
        var outputs: [ValueID] = []
        for output in node.outputs {
            let value = small.addValue(graph[output])
            outputs.append(value)
            small.outputs.append(Graph.Output(name: graph[output].name, value: value))
        }
        small.nodes = [
            GraphNode(
                operation: node.operation, activation: node.activation, inputs: inputs, outputs: outputs,
                name: node.name)
        ]
        do throws(ShapeError) {
            _ = try PassPipeline.run(&small)
        } catch {
            throw .image("a pass broke the graph: \(error.reason)")
        }
        let plan = try ImagePlanner.plan(small)
        let bytes: [UInt8]
        do throws(ImageError) {
            bytes = try plan.image.encoded()
        } catch {
            throw .image(error.description)
        }
        return try run(bytes)
    }

    /// A function of each element of a constant; nil when it cannot be computed.
    static func result(of function: Activation, over constant: Constant) -> Constant? {
        var graph = Graph()
        let input = graph.addConstant(constant, name: "x")
        let output = graph.addValue(
            GraphValue(name: "y", elementType: constant.elementType, shape: constant.shape, constant: nil))
        let node = GraphNode(operation: .unary, activation: function, inputs: [input], output: output, name: "y")
        return try? results(of: node, in: graph).first
    }

    /// The outputs of an image without inputs. The portable kernels make equal images on every machine.
    private static func run(_ bytes: [UInt8]) throws(CompileError) -> [Constant] {
        do throws(RuntimeError) {
            return try ImageMemory(copying: bytes).withBytes { bytes throws(RuntimeError) in
                var model = try Model(
                    bytes: bytes, instructionSet: InstructionSet.allCases.first(where: \.isAvailable))
                model.run()
                return model.outputs.enumerated().map { port, info in
                    let elements = model.withOutput(port) { Array($0) }
                    return Constant(elementType: info.elementType, shape: info.shape, bytes: elements)
                }
            }
        } catch {
            throw .image("folding a constant: \(error)")
        }
    }
}
