import Foundation

/// Lines on standard output that are whole even when several threads write and nobody flushes.
enum Output {
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data("\(text)\n".utf8))
    }
}
