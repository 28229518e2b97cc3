import FleetModel
import Testing

@testable import FleetCrypto

@Suite("Claims, requests and grants")
struct EnrolmentTests {
    private struct Scene {
        let authority: CertificateAuthority
        let claim: EnrolmentClaim
        let device = DeviceID(unchecked: "press-7")
        let key: PrivateKey
        let request: EnrolmentRequest

        init() throws {
            let year = CertificateAuthority.Validity(from: .epoch, until: Instant(milliseconds: 4_000_000_000_000))
            authority = try CertificateAuthority.create(name: "test", validity: year)
            claim = try EnrolmentClaim.make(
                url: "http://10.0.0.5:8480/", authority: authority.certificate.fingerprint, device: device)
            key = try PrivateKey.generate()
            request = try EnrolmentRequest(
                claim: claim, device: device, key: key, signingKey: SigningKey.generate(), hardware: "x86_64-generic")
        }

        func grant(by issuer: CertificateAuthority? = nil, for key: PrivateKey? = nil) throws -> EnrolmentGrant {
            let issuer = issuer ?? authority
            let certificate = try issuer.issueClient(
                commonName: device.text, key: key ?? self.key,
                validity: .init(from: .epoch, until: Instant(milliseconds: 2_000_000_000_000)))
            var grant = EnrolmentGrant(
                device: device, certificate: try certificate.pem(), authority: try issuer.certificate.pem(),
                rootKey: [UInt8](repeating: 3, count: 32), brokerHost: "10.0.0.5", brokerPort: 8883,
                topicPrefix: "martlet/v1/", tags: "side=R")
            grant.signature = try issuer.sign(grant.transcript)
            return grant
        }
    }

    @Test("a claim's text says everything, and its secret stands behind the #, which no web server is sent")
    func text() throws {
        let scene = try Scene()
        let read = try EnrolmentClaim(scene.claim.text)
        #expect(read.url == "http://10.0.0.5:8480" && read.device == scene.device)
        #expect(read.authority == scene.claim.authority && read.id == scene.claim.id)
        #expect(read.key.publicKey == scene.claim.key.publicKey)
        #expect(scene.claim.text.hasPrefix("http://10.0.0.5:8480/enrol#m1."))
        #expect(try EnrolmentClaim.make(url: "https://f", authority: scene.claim.authority).device == nil)
    }

    @Test(
        "what is no claim is refused without repeating it",
        arguments: [
            "", "http://h/enrol", "http://h/enrol#m1.AAAA.BBBB", "http://h/enrol#m2.AAAAAAAAAAAAAAAAAAAAAA.B",
            "ftp://h/enrol#m1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "http://h/enrol#m1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.no device",
            String(repeating: "a", count: 600),
        ])
    func malformed(text: String) {
        let error = #expect(throws: CryptoError.self) { _ = try EnrolmentClaim(text) }
        #expect(error?.code == .malformed)
        #expect(error?.context.contains("AAAAAAAAAAAAAAAAAAAAAA") == false)
    }

    @Test("a request proves the claim, the key and the receipts' key")
    func request() throws {
        let scene = try Scene()
        let verified = try scene.request.verified(claimKey: scene.claim.key.publicKey)
        #expect(verified.commonName == "press-7")
        #expect(try verified.keyDigest == CertificateRequest.make(commonName: "x", key: scene.key).keyDigest)
    }

    enum Forgery: CaseIterable { case otherClaim, otherDevice, otherRequest, otherSigningKey, otherHardware, noProof }

    @Test("a request that was changed in any part is refused", arguments: Forgery.allCases)
    func forgedRequest(forgery: Forgery) throws {
        let scene = try Scene()
        var request = scene.request
        var claimKey = scene.claim.key.publicKey
        switch forgery {
        case .otherClaim: claimKey = try SigningKey.generate().publicKey
        case .otherDevice: request.device = DeviceID(unchecked: "press-8")
        case .otherRequest:
            request.certificateRequest = try CertificateRequest.make(
                commonName: "press-7", key: PrivateKey.generate()
            ).pem()
        case .otherSigningKey: request.signingKey = try SigningKey.generate().publicKey
        case .otherHardware: request.hardware = "other"
        case .noProof: request.proof = request.signature
        }
        #expect(throws: CryptoError.self) { _ = try request.verified(claimKey: claimKey) }
    }

    @Test("a grant of the claim's own authority counts, whatever the time")
    func grant() throws {
        let scene = try Scene()
        try scene.grant().verify(claim: scene.claim, device: scene.device, key: scene.key)
    }

    enum FalseGrant: CaseIterable {
        case otherAuthority, otherRoot, otherBroker, otherKey, otherDevice, otherTags, lineInHost, lineInTags
    }

    @Test("a grant from elsewhere, or with anything changed, is refused", arguments: FalseGrant.allCases)
    func falseGrant(kind: FalseGrant) throws {
        let scene = try Scene()
        var grant = try scene.grant()
        var device = scene.device
        switch kind {
        case .otherAuthority: grant = try scene.grant(by: Scene().authority)
        case .otherRoot: grant.rootKey[0] ^= 1
        case .otherBroker: grant.brokerHost = "10.0.0.6"
        case .otherKey: grant = try scene.grant(for: PrivateKey.generate())
        case .otherDevice: device = DeviceID(unchecked: "press-8")
        case .otherTags: grant.tags = "side=L"
        case .lineInHost:
            grant.brokerHost = "h\nid = other"
            grant.signature = try scene.authority.sign(grant.transcript)
        case .lineInTags:
            grant.tags = "side=R\nid = other"
            grant.signature = try scene.authority.sign(grant.transcript)
        }
        #expect(throws: CryptoError.self) { try grant.verify(claim: scene.claim, device: device, key: scene.key) }
    }
}
