/// Every bound of the HTTP side, in one place.
enum ConsoleLimits {
    /// The largest JSON body, in bytes.
    static let jsonBody = 1 << 20
    /// The largest form, in bytes.
    static let formBody = 64 << 10
    /// The largest upload of frames, and of a model in Base64, in bytes; a plain one: `ControllerConfiguration.modelBytesLimit`.
    static let upload = 256 << 20
    /// Items in a page of a list unless `limit` says otherwise.
    static let pageItems = 100
    /// The largest `limit`.
    static let pageItemsMaximum = 1000
    /// Event streams open at once; one more is answered 503.
    static let eventStreams = 128
    /// An idle event stream sends a comment after this, in seconds, so that proxies keep it and dead peers show.
    static let heartbeatSeconds: Int64 = 15
    /// Sessions at once; the oldest ends when one more begins.
    static let sessions = 1000
    /// A session ends after this long without a request, in hours.
    static let sessionHours: Int64 = 12
    /// Failed logins of one address within ``loginMinutes`` before it must wait.
    static let loginFailures = 10
    /// The window of ``loginFailures``, in minutes.
    static let loginMinutes: Int64 = 5
    /// Refused enrolments of one address within ``enrolMinutes`` before it must wait.
    static let enrolFailures = 60
    /// The window of ``enrolFailures``, in minutes.
    static let enrolMinutes: Int64 = 5
    /// Addresses remembered for each of these limits; the oldest is forgotten first.
    static let failedAddresses = 4096
}
