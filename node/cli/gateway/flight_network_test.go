package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"parley/node/exchange"
	"parley/node/nodetest"
	"parley/protocols"
)

// overFlight goes from a login at the Flight SQL door, by its own URL, to an answer with its certificate.
func overFlight(t *testing.T, ctx context.Context, doors Doors, want int64) {
	t.Helper()
	at, err := url.Parse(doors.Flight)
	nodetest.Check(t, err)
	ca, err := os.ReadFile(doors.Authority)
	nodetest.Check(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	c, err := flightsql.NewClient(at.Host, nil, nil, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots})))
	nodetest.Check(t, err)
	defer c.Close()
	password, _ := at.User.Password()
	if _, err := c.Client.AuthenticateBasicToken(ctx, at.User.Username(), password+"x"); err == nil {
		t.Error("a wrong password lets in")
	}
	in, err := c.Client.AuthenticateBasicToken(ctx, at.User.Username(), password)
	nodetest.Check(t, err)
	info, err := c.Execute(metadata.AppendToOutgoingContext(in, "x-parley-purpose", "a test of the network"), "SELECT count(*) AS n FROM people")
	nodetest.Check(t, err)
	r, err := c.DoGet(in, info.Endpoint[0].Ticket)
	nodetest.Check(t, err)
	defer r.Release()
	for _, table := range []string{"answers", "catalogue", "grants", "ledger", "trail"} {
		if _, err := c.Execute(in, "SELECT * FROM parley."+table); err != nil {
			t.Errorf("%s: %v", table, err)
		}
	}
	var rows []int64
	var certificate []byte
	for r.Next() {
		for i := range int(r.Record().NumRows()) {
			rows = append(rows, r.Record().Column(0).(*array.Int64).Value(i))
		}
		certificate = append(certificate, r.LatestAppMetadata()...)
	}
	nodetest.Check(t, r.Err())
	if len(rows) != 1 || rows[0] != want {
		t.Errorf("%d, want %d", rows, want)
	}
	v := protocols.Verifier{Parameters: nodetest.Tiny, Receipts: exchange.CheckReceipt}
	if verdict, err := v.Verify(certificate); err != nil || verdict.Result == nil {
		t.Errorf("%d bytes: %v, %s", len(certificate), err, verdict.Reason)
	}
}
