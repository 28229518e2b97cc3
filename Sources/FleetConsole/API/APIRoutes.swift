/// All operations of the HTTP API, in the order of the OpenAPI document.
enum APIRoutes {
    /// The route table: what is registered and what the document describes.
    static let table = RouteTable(
        endpoints: SystemAPI.endpoints + DevicesAPI.endpoints + EnrolmentAPI.endpoints + ModelsAPI.endpoints
            + AgentsAPI.endpoints
            + ReleasesAPI.endpoints + TrustAPI.endpoints + RolloutsAPI.endpoints + SamplesAPI.endpoints
            + DatasetsAPI.endpoints + TrainingAPI.endpoints
            + PoliciesAPI.endpoints + MonitoringAPI.endpoints + AlertsAPI.endpoints + WebhooksAPI.endpoints
            + AuditAPI.endpoints + TokensAPI.endpoints + EventsAPI.endpoints)
}
