import ArgumentParser
import Foundation
import ModelTools

extension ModelCommand {
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check test cases in the layout of ONNX's backend suite.",
            discussion: """
                A case is a folder with model.onnx and test_data_set_N/{input,output}_M.pb; a folder of such folders \
                stands for all of them. Floats agree within 0.001 of the value and 1e-7, everything else exactly. \
                Integer inputs that are a shape, axis, size or count are bound to the case's values and listed. \
                Status 1 says that a case fails; unsupported ones do not count as failures.
                """)
        @Argument(help: "Folders of a case or of cases.") var folders: [String]
        @Flag(help: "Print one JSON object a line: case, status, reason, max_abs_error, bound.") var json = false

        func validate() throws {
            guard !folders.isEmpty else { throw ValidationError("Give at least one folder.") }
        }

        func run() throws {
            var failed = false
            for folder in folders {
                for entry in try CaseFolder.cases(in: URL(filePath: folder)) {
                    let result = CaseCheck.check(entry)
                    failed = failed || result.status == .fail
                    print(json ? try result.json() : result.description)
                }
            }
            if failed { throw ExitCode(1) }
        }
    }
}
