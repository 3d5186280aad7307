package protocols_test

import (
	"fmt"
	"log"
	"os"

	"parley/protocols"
)

// A certificate is verified against the description of the network that its reader trusts, which
// they have from a member and not with the certificate.
func ExampleVerify() {
	var receipts protocols.ReceiptChecker // exchange.CheckReceipt, of the ledger that the network has

	description, err := os.ReadFile("network.json")
	if err != nil {
		log.Fatal(err)
	}
	pinned, err := protocols.ParseNetwork(description)
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := os.ReadFile("answer.parley")
	if err != nil {
		log.Fatal(err)
	}
	verdict, err := protocols.Verify(certificate, pinned, receipts)
	switch {
	case err != nil: // these bytes are no certificate
		log.Fatal(err)
	case !verdict.Verified:
		fmt.Println("not verified:", verdict.Reason, verdict.Department)
	case verdict.DevelopmentKeys:
		fmt.Println("verified, but whoever made the proofs' keys can forge")
	case verdict.ValueShown:
		fmt.Println(verdict.Result.Columns, verdict.Result.Rows)
	}
}
