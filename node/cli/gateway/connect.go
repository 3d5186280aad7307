package gateway

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"parley/node/disk"
	"parley/node/failure"
)

// Database is the name that is shown; any other will do.
const Database = "parley"

const serviceFile = "pg_service.conf"

// Connections are how programs connect to a gateway. Passwords are in files.
type Connections struct {
	Listen      string       `json:"listen"`
	Host        string       `json:"host"`
	Port        string       `json:"port"`
	API         string       `json:"api,omitempty"`    // the JSON API's URL; none where that door is closed
	Flight      string       `json:"flight,omitempty"` // the URI of Flight SQL; none where that door is closed
	Authority   string       `json:"ca"`               // the file of the certificate authority
	Passwords   string       `json:"pgpass"`           // the file of the passwords that were made up
	Services    string       `json:"service"`          // pg_service.conf
	Connections []Connection `json:"users"`
}

// Connection is a person's.
type Connection struct {
	User       string `json:"user"`
	Peer       string `json:"peer"`
	Department string `json:"department"`
	Service    string `json:"service"`
	DSN        string `json:"dsn"`
	JDBC       string `json:"jdbc"`
	Password   string `json:"password_file,omitempty"` // none where the person has set a password
}

// Connections tells how to connect.
func (g *Gateway) Connections() Connections {
	host, port := called(g.settings.Listen, g.listener)
	in := func(name string) string { return filepath.Join(g.settings.Dir, name) }
	out := Connections{Listen: g.listener.Addr().String(), Host: host, Port: port, Authority: in(authorityFile), Passwords: in(pgpassFile), Services: in(serviceFile)}
	if g.web != nil {
		out.API = "https://" + net.JoinHostPort(called(g.settings.HTTP, g.web)) + "/v1/"
	}
	if g.arrow != nil {
		out.Flight = "grpc+tls://" + net.JoinHostPort(called(g.settings.Flight, g.arrow))
	}
	for i, u := range g.back.users() {
		c := Connection{User: u.Name, Peer: u.Peer, Department: u.Department, Service: Database}
		if c.User == "" || g.back.find(u.Name) == nil { // two have it
			c.User = u.Peer
		}
		if i > 0 {
			c.Service = fmt.Sprintf("%s%d", Database, i+1)
		}
		c.DSN = fmt.Sprintf("host=%s port=%s dbname=%s user=%s sslmode=verify-full sslrootcert=%s passfile=%s", quoted(out.Host), port, Database, quoted(c.User), quoted(out.Authority), quoted(out.Passwords))
		c.JDBC = fmt.Sprintf("jdbc:postgresql://%s/%s?%s", net.JoinHostPort(out.Host, port), Database, query("user", c.User, "sslmode", "verify-full", "sslrootcert", out.Authority))
		if made, err := madePassword(g.settings.Dir, u.Peer); err == nil && made != "" {
			c.Password = filepath.Join(ofPerson(g.settings.Dir, u.Peer), passwordFile)
		}
		out.Connections = append(out.Connections, c)
	}
	return out
}

// called is how programs call a door that listens on an address: older clients compare a certificate's names alone, so a loopback
// address is localhost.
func called(address string, l net.Listener) (host, port string) {
	_, port, _ = net.SplitHostPort(l.Addr().String()) // a TCP listener's
	host = hostOf(address)
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsUnspecified() || ip.Equal(net.IPv4(127, 0, 0, 1))) {
		host = "localhost"
	}
	return host, port
}

// Doors are the ways to a gateway, each a URL with the first person's name and password in it: secrets. It is what a file of --doors holds.
type Doors struct {
	Postgres  string `json:"postgres"` // with the purpose, as JDBC's
	JDBC      string `json:"jdbc"`
	API       string `json:"api,omitempty"`    // the JSON API's: user and password are for POST sessions
	Flight    string `json:"flight,omitempty"` // of Flight SQL: user and password are for its Handshake
	Authority string `json:"ca"`               // the file of the certificate authority, which the first two name
}

// Doors gives them, for questions of a purpose.
func (g *Gateway) Doors(purpose string) (Doors, error) {
	of := g.Connections()
	who := of.Connections[0]
	password, err := madePassword(g.settings.Dir, who.Peer)
	if err != nil {
		return Doors{}, err
	}
	options := ""
	if purpose != "" {
		options = "-c parley.purpose=" + strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(purpose)
	}
	place := net.JoinHostPort(of.Host, of.Port)
	out := Doors{Authority: of.Authority}
	out.Postgres = fmt.Sprintf("postgresql://%s:%s@%s/%s?%s", escape(who.User), escape(password), place, Database,
		query("sslmode", "verify-full", "sslrootcert", of.Authority, "options", options))
	out.JDBC = fmt.Sprintf("jdbc:postgresql://%s/%s?%s", place, Database,
		query("user", who.User, "password", password, "sslmode", "verify-full", "sslrootcert", of.Authority, "options", options))
	if of.API != "" {
		out.API = strings.Replace(of.API, "//", "//"+escape(who.User)+":"+escape(password)+"@", 1)
	}
	if of.Flight != "" {
		out.Flight = strings.Replace(of.Flight, "//", "//"+escape(who.User)+":"+escape(password)+"@", 1)
	}
	return out, nil
}

// escape writes a part of a URL so that all that read one take it alike: a space is %20 to all, and + is not.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// query writes what follows the question mark, without what is empty.
func query(pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, pairs[i]+"="+escape(pairs[i+1]))
		}
	}
	return strings.Join(out, "&")
}

// quoted is a value of a connection string.
func quoted(s string) string {
	if s != "" && !strings.ContainsAny(s, ` '\`) {
		return s
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// writeService writes pg_service.conf, which has a section for each person.
func (g *Gateway) writeService() error {
	var b strings.Builder
	of := g.Connections()
	for _, c := range of.Connections {
		fmt.Fprintf(&b, "[%s]\nhost=%s\nport=%s\ndbname=%s\nuser=%s\nsslmode=verify-full\nsslrootcert=%s\npassfile=%s\n\n", c.Service, of.Host, of.Port, Database, c.User, of.Authority, of.Passwords)
	}
	if err := disk.WriteFile(filepath.Join(g.settings.Dir, serviceFile), []byte(b.String())); err != nil {
		return failure.Refused("write", "", "%s", err)
	}
	return nil
}

// String says it to people.
func (c Connections) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "listening on %s, for %d of the ledger's people\n", c.Listen, len(c.Connections))
	for _, u := range c.Connections {
		fmt.Fprintf(&b, "\n%s of %s\n", failure.Printable(u.User), failure.Printable(u.Department))
		fmt.Fprintf(&b, "  psql      PGSERVICEFILE=%s %s\n", failure.Word(c.Services), failure.Command("psql", "service="+u.Service))
		fmt.Fprintf(&b, "  DSN       %s\n", failure.Printable(u.DSN))
		fmt.Fprintf(&b, "  JDBC      %s\n", failure.Printable(u.JDBC))
		if c.Flight != "" {
			fmt.Fprintf(&b, "  ADBC      %s, username %s, the authority %s as adbc.flight.sql.client_option.tls_root_certs\n", failure.Printable(c.Flight), failure.Printable(u.User), failure.Printable(c.Authority))
		}
		if c.API != "" {
			fmt.Fprintf(&b, "  API       %s\n", failure.Command("curl", "--cacert", c.Authority, "--user", u.User, "--request", "POST", c.API+"sessions"))
		}
		if u.Password != "" {
			fmt.Fprintf(&b, "  password  in %s\n", failure.Printable(u.Password))
		} else {
			fmt.Fprintf(&b, "  password  the one that was set by parley gateway passwd\n")
		}
	}
	return b.String() + "\nSET parley.purpose = '...' says what a session's questions are for. Ctrl-C ends it.\n"
}
