import FleetCrypto
import FleetModel
import FleetStore
import Foundation

/// An authority and a broker's certificate for one measurement.
struct BenchTLS {
    /// PEM file of the authority, for who connects.
    let authority: String
    let certificate: String
    let key: String

    /// Makes both in a folder.
    init(folder: URL) throws {
        authority = folder.appending(path: "ca.pem").path()
        certificate = folder.appending(path: "broker.pem").path()
        key = folder.appending(path: "broker.key").path()
        let day = CertificateAuthority.Validity(
            from: .epoch, until: Instant.now().advanced(by: Interval(milliseconds: 86_400_000)))
        let issuer = try CertificateAuthority.create(name: "martlet bench", validity: day)
        try issuer.write(certificateFile: authority, keyFile: folder.appending(path: "ca.key").path())
        let brokerKey = try PrivateKey.generate()
        try brokerKey.write(pemFile: key)
        try issuer.issueServer(
            names: ["localhost", "127.0.0.1"], commonName: "localhost", key: brokerKey, validity: day
        ).write(pemFile: certificate)
    }
}
