import ModelImage
import ModelTools
import ONNXFormat
import Testing

@Suite("Tensors outside of a model")
struct HostTensorTests {
    @Test("bytes that do not fill the shape are refused")
    func count() throws {
        #expect(throws: ModelToolsError.self) {
            try HostTensor(elementType: .float32, shape: [2, 3], bytes: [UInt8](repeating: 0, count: 23))
        }
        #expect(try HostTensor(elementType: .int16, shape: [], bytes: [1, 2]).elementCount == 1)
        #expect(throws: ModelToolsError.self) {
            try HostTensor(elementType: .int8, shape: [.max, 2], bytes: [])
        }
    }

    @Test("an ONNX tensor survives both ways")
    func onnx() throws {
        let tensor = ONNXTensor(name: "x", dims: [2, 2], int64s: [1, -2, 3, .max])
        let host = try HostTensor(tensor)
        #expect(host.elementType == .int64)
        #expect(try host.onnx(name: "x") == tensor)
        #expect(try ONNXTensor(parsing: tensor.serialized()) == tensor)
    }

    @Test("types that no image holds are named")
    func types() throws {
        let tensor = ONNXTensor(elementType: .int4, dims: [2], content: .raw([0x12]))
        #expect { try HostTensor(tensor) } throws: { error in
            let error = error as? ModelToolsError
            return error?.code == .elementType && error?.reason.contains("int4") == true
        }
    }
}
