package rehearsal

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	chgo "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

//go:embed clickhouse.js
var clickHouseScript string

// ClickHouse starts ClickHouse's own engine and gives the URL at which the driver finds it: chDB in a
// process of Node.js, from the folder with node_modules that PARLEY_CHDB names, behind ClickHouse's
// protocol over HTTP. Without that folder the test is skipped.
func ClickHouse(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("PARLEY_CHDB")
	if folder == "" {
		t.Skip("there is no ClickHouse to ask: PARLEY_CHDB names no folder with chdb in node_modules")
	}
	child := exec.Command("node", "-e", clickHouseScript)
	child.Dir, child.Stderr = folder, os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	door := &clickHouseDoor{in: in, out: bufio.NewReader(out)}
	server := httptest.NewServer(door)
	t.Cleanup(func() {
		server.Close()
		in.Close()
		child.Wait()
	})
	return server.URL + "/default"
}

// clickHouseDoor is as much of a ClickHouse server's HTTP as its Go driver asks for.
type clickHouseDoor struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

// driverRevision is that of the protocol which the driver speaks before and after it has asked for the
// server's.
const driverRevision = 54460

func (d *clickHouseDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	statement := strings.Replace(string(body), "revision()", fmt.Sprintf("toUInt32(%d)", driverRevision), 1)
	native, err := d.ask(statement + settingsOf(r.URL.Query()))
	if err == nil {
		native, err = revised(native)
	}
	if err != nil {
		code := 1
		if e := (*clickHouseError)(nil); errors.As(err, &e) {
			code = e.Code
		}
		w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(native)
}

// settingsOf are a request's parameters that are not the protocol's own, as the end of a SELECT.
func settingsOf(q url.Values) string {
	var settings []string
	for name := range q {
		switch name {
		case "client_protocol_version", "database", "default_format", "query", "query_id", "session_id", "quota_key", "compress":
		default:
			value := q.Get(name)
			if _, err := strconv.ParseUint(value, 10, 64); err != nil {
				value = "'" + value + "'"
			}
			settings = append(settings, name+" = "+value)
		}
	}
	if len(settings) == 0 {
		return ""
	}
	return " SETTINGS " + strings.Join(settings, ", ")
}

func (d *clickHouseDoor) ask(statement string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	line, err := json.Marshal(statement)
	if err != nil {
		return nil, err
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	answer, err := d.out.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var said struct {
		Native []byte
		clickHouseError
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return nil, err
	}
	if said.Message != "" {
		return nil, &said.clickHouseError
	}
	return said.Native, nil
}

// clickHouseError is what the engine refuses with.
type clickHouseError struct {
	Message string `json:"error"`
	Code    int    `json:"code"`
}

func (e *clickHouseError) Error() string { return e.Message }

// revised brings blocks of the format Native, as a file has them, to the revision of the protocol.
func revised(native []byte) ([]byte, error) {
	in, out := chgo.NewReader(bytes.NewReader(native)), chgo.Buffer{}
	for {
		block := proto.Block{ServerContext: &column.ServerContext{}}
		if err := block.Decode(in, 0); errors.Is(err, io.EOF) {
			return out.Buf, nil
		} else if err != nil {
			return nil, err
		}
		if err := block.Encode(&out, driverRevision); err != nil {
			return nil, err
		}
	}
}
