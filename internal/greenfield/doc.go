// Package greenfield checks requests, answers and webhooks against the OpenAPI
// files of BTCPay Server (BTCPayServer/wwwroot/swagger/v1 of its repository).
// They are not part of this module: [Dir] says where they are.
package greenfield
