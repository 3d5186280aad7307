package flight

import (
	"context"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-adbc/go/adbc"
	driver "github.com/apache/arrow-adbc/go/adbc/driver/flightsql"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// TestADBC: what a notebook does, by ADBC's own driver: a wrong password, the catalogue, a question, prepared and not.
func TestADBC(t *testing.T) {
	d := openDoor(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	connect := func(word string) (adbc.Connection, error) {
		db, err := driver.NewDriver(memory.DefaultAllocator).NewDatabase(map[string]string{
			adbc.OptionKeyURI: "grpc+tls://" + strings.Replace(d.at, "127.0.0.1", "localhost", 1), adbc.OptionKeyUsername: "Mei", adbc.OptionKeyPassword: word,
			driver.OptionSSLRootCerts:                                     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.o.Certificate.Certificate[0]})),
			"adbc.flight.sql.rpc.call_header." + headerPrefix + "purpose": "a notebook"})
		if err != nil {
			t.Fatal(err)
		}
		return db.Open(ctx)
	}
	if _, err := connect(password + "x"); err == nil {
		t.Error("a wrong password lets in")
	}
	c, err := connect(password)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := c.GetObjects(ctx, adbc.ObjectDepthAll, nil, nil, nil, nil, nil)
	if err != nil || !objects.Next() || !strings.Contains(fmt.Sprint(objects.Record()), "people") {
		t.Error("the catalogue:", err)
	}
	for _, prepared := range []bool{false, true} {
		s, err := c.NewStatement()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetSqlQuery("SELECT avg(x) FROM t"); err != nil {
			t.Fatal(err)
		}
		if prepared {
			if err := s.Prepare(ctx); err != nil {
				t.Fatal(err)
			}
		}
		r, _, err := s.ExecuteQuery(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Next() || r.Record().NumRows() != 3 || r.Schema().Field(1).Type.String() != "decimal(38, 7)" || r.Record().Column(1).ValueStr(0) != "1.2499999" {
			t.Error(r.Schema(), r.Err())
		}
		for r.Next() { // past the certificate
		}
		if r.Err() != nil {
			t.Error(r.Err())
		}
		r.Release()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if mei := d.people.desks["Mei"]; mei.times() != 2 || mei.asked[0].Purpose != "a notebook" {
		t.Errorf("%+v", mei.asked)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
