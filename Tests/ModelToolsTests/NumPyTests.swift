import ModelImage
import Sketches
import Testing

@testable import ModelTools

@Suite("NumPy files")
struct NumPyTests {
    /// A file as numpy.save writes it, with a header of our choice.
    static func file(
        _ dictionary: String, version: UInt8 = 1, data: [UInt8], magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    ) -> [UInt8] {
        let text = Array((dictionary + "\n").utf8)
        let length = (0..<(version == 1 ? 2 : 4)).map { UInt8(text.count >> (8 * $0) & 255) }
        return magic + [version, 0] + length + text + data
    }

    @Test("what is written reads back, for every type and shape", arguments: NPYType.allCases)
    func roundTrip(type: NPYType) throws {
        for shape in [[], [1], [3], [2, 3], [2, 0, 4], [1, 2, 1, 3]] {
            let count = shape.reduce(type.size, *)
            let array = NPYArray(type: type, shape: shape, bytes: (0..<count).map { UInt8($0 % 2) })
            #expect(try NPYArray(parsing: array.encoded) == array)
            #expect((array.encoded.count - count) % 64 == 0)
        }
    }

    @Test("versions 1 to 3, both byte orders, both element orders")
    func forms() throws {
        let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }"
        let data: [UInt8] = [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
        for version: UInt8 in 1...3 {
            #expect(try NPYArray(parsing: Self.file(header, version: version, data: data)).bytes == data)
        }
        let swapped: [UInt8] = [0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5]
        let big = header.replacing("<i2", with: ">i2")
        #expect(try NPYArray(parsing: Self.file(big, data: swapped)).bytes == data)
        let fortran = header.replacing("False", with: "True")
        #expect(
            try NPYArray(parsing: Self.file(fortran, data: [0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0])).bytes == data)
        let loose = "{ \"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<i2\"}"
        #expect(try NPYArray(parsing: Self.file(loose, data: data)).shape == [2, 3])
    }

    @Test(
        "what cannot be read says why",
        arguments: [
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 4, "4 bytes follow"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 12, "follow after its last"),
            ("{'descr': '|S3', 'fortran_order': False, 'shape': (1,)}", 3, "type '|S3'"),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 8, "type '<c8'"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "type '|O'"),
            ("{'descr': [('a', '<f4'), ('b', '<i2')], 'fortran_order': False, 'shape': (1,)}", 6, "records"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, "header is damaged"),
            ("{'descr': '<f4', 'shape': (1,)}", 4, "header is damaged"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9)}", 4, "4 bytes follow"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4, "header is damaged"),
            ("[1, 2]", 4, "header is damaged"), ("{'descr': '<f4", 4, "header is damaged"),
            ("", 0, "header is damaged"),
        ])
    func refused(header: String, bytes: Int, reason: String) {
        let error = #expect(throws: ModelToolsError.self) {
            try NPYArray(parsing: Self.file(header, data: [UInt8](repeating: 0, count: bytes)))
        }
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test("no NumPy file, a newer version, a header that is cut off or too long")
    func heads() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': ()}"
        for file in [
            [], Array("PK".utf8), Self.file(header, data: [0, 0, 0, 0], magic: Array("NOTNPY".utf8)),
            Self.file(header, version: 9, data: [0, 0, 0, 0]), Array(Self.file(header, data: []).prefix(30)),
            Array(Self.file(header, version: 2, data: []).prefix(11)),
            Self.file(String(repeating: " ", count: NPYHeader.textLimit), version: 2, data: []),
        ] {
            #expect(throws: ModelToolsError.self) { try NPYArray(parsing: file) }
        }
    }

    @Test("no mutation of a file crashes the reader")
    func mutations() {
        var random = SeededGenerator(seed: 4)
        let original = Self.file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", data: [UInt8](0..<16))
        var read = 0
        for _ in 0..<20_000 {
            var file = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                file[Int.random(in: 0..<file.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            if (try? NPYArray(parsing: file)) != nil { read += 1 }
        }
        #expect(read > 100)
    }

    @Test("outputs get names that any file system takes, all different")
    func names() {
        let names = OutputFileName.names(for: [
            "scores", "a/b:0", "a_b_0", "../../etc/passwd", "", "SCORES", "ä", String(repeating: "x", count: 900),
        ])
        #expect(
            names.prefix(7) == [
                "scores.npy", "a_b_0.npy", "a_b_0-2.npy", "_._.._etc_passwd.npy", "output_4.npy", "SCORES-2.npy",
                "_.npy",
            ])
        #expect(names[7].utf8.count == OutputFileName.lengthLimit + 4)
    }
}
