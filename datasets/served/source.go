package served

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"parley/datasets/files"
)

// A place is a source, taken apart: which engine, where it is, and as whom to speak to it.
type place struct {
	engine     *product
	user, host string // host is empty for a socket
	path       string // database, or catalog and schema
	parameters url.Values
	password   string
	shown      string // the source as errors and logs name it: no password was ever in it
}

// readSource takes apart a source of a node.toml. It opens no connection; a password that lies in a file
// or the environment is read.
func readSource(o Options) (*place, error) {
	u, err := url.Parse(o.Source)
	if err != nil { // whose text quotes the source, and so a password in it
		return nil, &files.Error{Message: "source is not a URL", Hint: "for example postgres://reader@db.example.org/stock"}
	}
	p := &place{engine: products[u.Scheme], host: u.Host, path: strings.TrimPrefix(u.Path, "/"), parameters: u.Query(),
		shown: (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()}
	if p.engine == nil {
		return nil, &files.Error{Message: "source begins with no known scheme",
			Hint: "it is one of " + strings.Join(slices.Sorted(maps.Keys(products)), "://, ") + "://"}
	}
	if u.User != nil {
		p.user = u.User.Username()
		if _, has := u.User.Password(); has {
			return nil, p.fault("source has a password in it",
				"take it out, write it to a file that only you can read (mode 0600), and name that as password_file, or name an environment variable as password_env")
		}
	}
	switch {
	case u.Opaque != "" || u.Fragment != "":
		return nil, p.fault("source is not a URL with a host", "")
	case strings.Contains(u.Host, ","):
		return nil, p.fault("source names more than one host", "name one: what was registered at one is asked there")
	}
	for _, name := range slices.Sorted(maps.Keys(p.parameters)) {
		if !slices.Contains(p.engine.parameters, name) || len(p.parameters[name]) != 1 {
			return nil, p.fault("source has a parameter that is not known, or stands twice: "+files.Shown(name),
				"it has "+strings.Join(p.engine.parameters, ", "))
		}
	}
	if p.password, err = readPassword(p, o); err != nil {
		return nil, err
	}
	return p, nil
}

// fault is an error about the source.
func (p *place) fault(message, hint string) *files.Error {
	return &files.Error{File: p.shown, Message: message, Hint: hint}
}

func (p *place) twoPasswords() error {
	return p.fault("there is a password_file and a password_env", "leave out one of the two")
}

// MaxPasswordBytes is far above any password; a larger file is none.
const MaxPasswordBytes = 4 << 10

// readPassword reads the password that the options name, if they name one.
func readPassword(p *place, o Options) (string, error) {
	var text string
	switch {
	case o.PasswordFile != "" && o.PasswordEnv != "":
		return "", p.twoPasswords()
	case o.PasswordEnv != "":
		var set bool
		if text, set = os.LookupEnv(o.PasswordEnv); !set {
			return "", p.fault("the environment variable "+files.Shown(o.PasswordEnv)+" is not set", "password_env names it: set it where the node starts")
		}
	case o.PasswordFile != "":
		raw, err := passwordIn(o.PasswordFile)
		if err != nil {
			return "", err
		}
		text = strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	default:
		return "", nil
	}
	if text == "" || strings.ContainsAny(text, "\x00\r\n") {
		return "", p.fault("the password is empty or has several lines", "it is one line: that of password_file, or the value of password_env")
	}
	return text, nil
}

// passwordIn reads a file that its owner alone may read.
func passwordIn(path string) ([]byte, error) {
	unread := &files.Error{File: path, Message: "the password_file cannot be read", Hint: "it must exist, for its owner only"}
	f, err := os.Open(path)
	if err != nil {
		return nil, unread
	}
	defer f.Close()
	info, err := f.Stat() // of what is read, whatever the name leads to by now
	switch {
	case err != nil:
		return nil, unread
	case !info.Mode().IsRegular() || info.Size() > MaxPasswordBytes:
		return nil, &files.Error{File: path, Message: "the password_file is not a file of one line"}
	case info.Mode().Perm()&0o077 != 0:
		return nil, &files.Error{File: path, Message: fmt.Sprintf("others can read the password_file: its mode is %04o", info.Mode().Perm()),
			Hint: "chmod 600 it"}
	}
	raw, err := io.ReadAll(io.LimitReader(f, MaxPasswordBytes))
	if err != nil {
		return nil, unread
	}
	return raw, nil
}

// local reports whether nothing between here and the engine is another machine.
func (p *place) local() bool {
	if p.host == "" {
		return true
	}
	host := p.host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// address is the host with its port.
func (p *place) address(port string) string {
	if _, _, err := net.SplitHostPort(p.host); err == nil {
		return p.host
	}
	return net.JoinHostPort(strings.Trim(p.host, "[]"), port)
}

// What the parameter tls says, of the engines that have it. Without it another machine is spoken to as
// with tlsVerified, and this one in plain text.
const (
	tlsParameter = "tls"
	tlsAuthority = "tls-ca"
	tlsVerified  = "true"
	tlsUnchecked = "skip-verify"
	tlsNone      = "false"
)

// tls is how the connection is encrypted; nil: it is not.
func (p *place) tls() (*tls.Config, error) {
	said := p.parameters.Get(tlsParameter)
	if said == "" {
		if said = tlsVerified; p.local() {
			said = tlsNone
		}
	}
	host, _, err := net.SplitHostPort(p.address("0"))
	if err != nil {
		return nil, p.fault("source has no host", "")
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if path := p.parameters.Get(tlsAuthority); path != "" {
		text, err := os.ReadFile(path)
		config.RootCAs = x509.NewCertPool()
		if err != nil || !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, p.fault("tls-ca is not a file of certificates (PEM)", "")
		}
	}
	switch said {
	case tlsNone:
		return nil, nil
	case tlsUnchecked:
		config.InsecureSkipVerify = true
	case tlsVerified:
	default:
		return nil, p.fault("tls is not known: "+files.Shown(said), `it is "true", "skip-verify" (whoever answers is believed) or "false" (plain text)`)
	}
	return config, nil
}
