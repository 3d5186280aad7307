package pgwire

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The codes that the first packet of a connection carries in the place of a version.
const (
	sslRequest    = 80877103
	gssRequest    = 80877104
	cancelRequest = 80877102
)

// The protocol's versions: major<<16 | minor.
const (
	version30, version32 = 3 << 16, 3<<16 | 2
	// newest is the one that a client of a later one is asked to speak.
	newest = version32
)

// startup is what a client says of itself first.
type startup struct {
	version        uint32 // of the protocol, as it is spoken from here on
	user, database string
	settings       map[string]string
	// negotiate is set where the client asked for a later version, or for extensions, which unknown lists.
	negotiate bool
	unknown   []string
}

// readFirst reads a packet as connections begin with: a length, a code, and what follows it. It reads not a byte more, so
// that nothing sent in the clear is ever taken for part of what is secured. began holds its first byte where that was read already.
func readFirst(r io.Reader, began ...byte) (code uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[copy(head[:], began):]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length < 8 || length > maxStartupBytes {
		return 0, nil, &Error{Code: "08P01", Message: "the first packet has a length that none has"}
	}
	body = make([]byte, length-8)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, err
	}
	return binary.BigEndian.Uint32(head[4:]), body, nil
}

// parseStartup reads a startup message after its version.
func parseStartup(version uint32, body []byte) (*startup, error) {
	if version>>16 != 3 {
		return nil, &Error{Code: "0A000", Message: fmt.Sprintf("protocol %d.%d is not spoken here, but 3.0 to 3.2", version>>16, version&0xffff)}
	}
	s := &startup{version: min(version, newest), negotiate: version > newest, settings: map[string]string{}}
	once := map[string]string{} // what is not a setting
	pairs, err := startupPairs(body)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		name := strings.ToLower(p.name)
		switch {
		case strings.HasPrefix(p.name, "_pq_."):
			s.negotiate, s.unknown = true, append(s.unknown, p.name)
		case apart(name):
			if _, again := once[name]; again {
				return nil, &Error{Code: "08P01", Message: "the startup message says " + name + " twice"}
			}
			once[name] = p.value
		}
	}
	if err := s.options(once["options"]); err != nil {
		return nil, err
	}
	for _, p := range pairs { // they count more than the options
		if name := strings.ToLower(p.name); !strings.HasPrefix(p.name, "_pq_.") {
			if _, not := once[name]; !not {
				s.settings[name] = p.value
			}
		}
	}
	if len(s.settings) > maxSettings {
		return nil, &Error{Code: "08P01", Message: fmt.Sprintf("more than %d settings", maxSettings)}
	}
	if err := noReplication(once["replication"]); err != nil {
		return nil, err
	}
	return s, s.names(once["user"], once["database"])
}

// apart reports whether a name of a startup message is none of a setting.
func apart(name string) bool {
	return name == "user" || name == "database" || name == "options" || name == "replication"
}

// names takes the names of user and database.
func (s *startup) names(user, database string) error {
	if user == "" {
		return &Error{Code: "28000", Message: "the startup message names no user"}
	}
	if database == "" {
		database = user
	}
	if len(user) > maxNameBytes || len(database) > maxNameBytes {
		return &Error{Code: "28000", Message: fmt.Sprintf("a name of a user or database has at most %d bytes", maxNameBytes)}
	}
	s.user, s.database = user, database
	return nil
}

type pair struct{ name, value string }

// startupPairs splits a startup message: names and values, each ended by a zero byte, and one more at the very end.
func startupPairs(body []byte) (pairs []pair, err error) {
	text := string(body)
	if !utf8.ValidString(text) {
		return nil, &Error{Code: "22021", Message: "the startup message is not UTF-8", Hint: "Parley speaks UTF8: set client_encoding."}
	}
	for {
		name, rest, ok := strings.Cut(text, "\x00")
		if ok && name == "" && rest == "" {
			return pairs, nil
		}
		value, rest, found := strings.Cut(rest, "\x00")
		if !ok || !found || name == "" {
			return nil, &Error{Code: "08P01", Message: "the startup message does not end as it should"}
		}
		if len(pairs) == maxSettings {
			return nil, &Error{Code: "08P01", Message: fmt.Sprintf("more than %d settings", maxSettings)}
		}
		pairs, text = append(pairs, pair{name, value}), rest
	}
}

// options reads the command line that a client may give: -c name=value, -cname=value and --name=value. Spaces divide it,
// but for those behind a backslash.
func (s *startup) options(line string) error {
	words := splitOptions(line)
	for i := 0; i < len(words); i++ {
		word, setting := words[i], ""
		switch {
		case word == "-c" && i+1 < len(words):
			i++
			setting = words[i]
		case strings.HasPrefix(word, "--") || strings.HasPrefix(word, "-c"):
			setting = word[2:]
		default:
			return &Error{Code: "42601", Message: fmt.Sprintf("%q in options is no setting", word),
				Hint: "In options, settings are written -c name=value or --name=value."}
		}
		name, value, ok := strings.Cut(setting, "=")
		if !ok || name == "" {
			return &Error{Code: "42601", Message: fmt.Sprintf("%q in options has no value", word)}
		}
		name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
		if apart(name) {
			return &Error{Code: "42704", Message: fmt.Sprintf("%q is not a setting", name)}
		}
		if len(s.settings) == maxSettings {
			return &Error{Code: "08P01", Message: fmt.Sprintf("more than %d settings", maxSettings)}
		}
		s.settings[name] = value
	}
	return nil
}

func splitOptions(line string) (words []string) {
	var word strings.Builder
	open, escaped := false, false
	for _, c := range []byte(line) {
		switch space := c == ' ' || '\t' <= c && c <= '\r'; {
		case escaped:
			word.WriteByte(c)
			escaped = false
		case c == '\\':
			open, escaped = true, true
		case space && open:
			words = append(words, word.String())
			word.Reset()
			open = false
		case !space:
			word.WriteByte(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}

// noReplication refuses connections for replication: there is no log to follow.
func noReplication(value string) error {
	switch strings.ToLower(value) {
	case "", "false", "off", "no", "0", "f", "n":
		return nil
	}
	return &Error{Code: "0A000", Message: "replication is not supported"}
}
