import CMartletEdge
import EdgeRuntime

/// A failed call: the number that C gets, and the text that `martlet_last_error` gives.
struct Failure: Error {
    let status: martlet_status
    let text: String

    init(_ status: Int, _ text: String) {
        self.status = martlet_status(status)
        self.text = text
    }

    init(_ error: RuntimeError) {
        self.init(error.code, error.description)
    }

    static func null(_ what: String) -> Failure {
        Failure(MARTLET_NULL_POINTER, "\(what) must not be NULL")
    }
}

/// Runs `body` and keeps what it throws for `martlet_last_error`.
func answer(_ body: () throws(Failure) -> Void) -> martlet_status {
    do throws(Failure) {
        try body()
        return martlet_status(MARTLET_OK)
    } catch {
        LastError.keep(error.text)
        return error.status
    }
}

/// The text of each thread's last error.
enum LastError {
    static func keep(_ text: String) {
        let limit = Int(MARTLET_ERROR_BYTES) - 1
        var bytes = Array(text.utf8.prefix(limit))
        // A text that was cut within a character would not be UTF-8.
        while text.utf8.count > limit, let last = bytes.last, last & 0xC0 == 0x80 { bytes.removeLast() }
        if text.utf8.count > limit, let last = bytes.last, last >= 0xC0 { bytes.removeLast() }
        guard let place = martlet_edge_error_buffer() else { return }
        for (index, byte) in bytes.enumerated() { place[index] = CChar(bitPattern: byte) }
        place[bytes.count] = 0
    }

    static var pointer: UnsafePointer<CChar> {
        martlet_edge_error_buffer().map { UnsafePointer($0) } ?? Constants.version.pointer
    }
}
