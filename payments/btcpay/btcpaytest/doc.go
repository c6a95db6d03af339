// Package btcpaytest is a double of BTCPay Server for tests: it is no BTCPay.
// It answers the part of the Greenfield API that package btcpay uses, as read in
// BTCPay's source and OpenAPI files, and keeps everything in memory. What a real
// server does otherwise, it cannot show.
//
// What stands behind it is real or not as its [Wallet] is: with an lnd, its
// invoices are that node's, are paid over the network, and refunds arrive; with
// a sandbox wallet, tests are fast.
//
//	server := btcpaytest.New(btcpaytest.Options{Wallet: node})
//	defer server.Close()
//	wallet, err := btcpay.New(btcpay.Config{
//		URL: server.URL(), StoreID: btcpaytest.StoreID, APIKey: btcpaytest.APIKey, ...
//	})
//
// It has BTCPay's traps, and faults that are switched on: see [Settings] and
// [Server.Fail]. [Event] makes signed webhooks without any server.
package btcpaytest
